"""An autoencoder, a variational autoencoder and a generative adversarial network."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from numpy.random import Generator

from benchmarks.faults.data import load
from benchmarks.faults.program import Program, Training
from benchmarks.faults.programs.unseen.quality import (
    data_seed,
    explained,
    log_uniform,
    outputs,
    r_squared,
)

# A denoising autoencoder, without any metric.


def _autoencoder(random: Generator) -> Training:
    data = load("photographs", data_seed(random), train=1200, val=300)
    noise_factor = 0.1

    def noisy(x: np.ndarray) -> np.ndarray:
        noise = noise_factor * random.normal(size=x.shape)
        return np.clip(x + noise, 0, 1).astype("float32")

    filters = int(random.choice([16, 24]))
    input_img = keras.Input(shape=(24, 24, 3))
    x = layers.Conv2D(filters, (3, 3), activation="relu", padding="same")(input_img)
    x = layers.MaxPooling2D((2, 2), padding="same")(x)
    x = layers.Conv2D(filters, (3, 3), activation="relu", padding="same")(x)
    encoded = layers.MaxPooling2D((2, 2), padding="same")(x)
    x = layers.Conv2DTranspose(filters, (3, 3), strides=2, activation="relu", padding="same")(
        encoded
    )
    x = layers.Conv2DTranspose(filters, (3, 3), strides=2, activation="relu", padding="same")(x)
    decoded = layers.Conv2D(3, (3, 3), activation="sigmoid", padding="same")(x)
    autoencoder = keras.Model(input_img, decoded)
    autoencoder.compile(
        optimizer=keras.optimizers.Adam(log_uniform(random, 1e-3, 3e-3)),
        loss="binary_crossentropy",
    )
    validation = (noisy(data.x_val), data.x_val)
    return Training(
        autoencoder,
        noisy(data.x_train),
        data.x_train,
        validation,
        10,
        explained,
        guess=0.0,
        good=0.88,
        held_out=validation,
        batch=64,
    )


# The variational autoencoder of the guides: a train_step of its own and no validation.


class VAE(keras.Model):
    """Encoder and decoder, trained on reconstruction and divergence."""

    def __init__(self, encoder: keras.Model, decoder: keras.Model, beta: float) -> None:
        super().__init__()
        self.encoder, self.decoder, self.beta = encoder, decoder, beta
        self.seed_generator = keras.random.SeedGenerator()
        self.total_loss_tracker = keras.metrics.Mean(name="loss")
        self.reconstruction_loss_tracker = keras.metrics.Mean(name="reconstruction_loss")
        self.kl_loss_tracker = keras.metrics.Mean(name="kl_loss")

    @property
    def metrics(self) -> list[keras.Metric]:
        """Returns the metrics that are reset at each epoch."""
        return [
            self.total_loss_tracker,
            self.reconstruction_loss_tracker,
            self.kl_loss_tracker,
        ]

    def call(self, data: Any) -> Any:
        """Returns the output of the model."""
        return self.decoder(self.encoder(data)[0])

    def train_step(self, data: Any) -> dict[str, Any]:
        """Trains on one batch."""
        if isinstance(data, tuple):
            data = data[0]
        with tf.GradientTape() as tape:
            z_mean, z_log_var = self.encoder(data, training=True)
            epsilon = keras.random.normal(ops.shape(z_mean), seed=self.seed_generator)
            z = z_mean + ops.exp(0.5 * z_log_var) * epsilon
            reconstruction = self.decoder(z, training=True)
            reconstruction_loss = ops.mean(
                ops.sum(keras.losses.binary_crossentropy(data, reconstruction), axis=(1, 2))
            )
            kl_loss = -0.5 * (1 + z_log_var - ops.square(z_mean) - ops.exp(z_log_var))
            kl_loss = ops.mean(ops.sum(kl_loss, axis=1))
            total_loss = reconstruction_loss + self.beta * kl_loss
        grads = tape.gradient(total_loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(grads, self.trainable_weights, strict=True))
        self.total_loss_tracker.update_state(total_loss)
        self.reconstruction_loss_tracker.update_state(reconstruction_loss)
        self.kl_loss_tracker.update_state(kl_loss)
        return {metric.name: metric.result() for metric in self.metrics}


def _vae(random: Generator) -> Training:
    data = load("mnist", data_seed(random), train=1500, val=300)
    digits, unseen = 1 - data.x_train, 1 - data.x_val
    latent_dim = int(random.choice([8, 12]))

    encoder_inputs = keras.Input(shape=(28, 28, 1))
    x = layers.Conv2D(8, 3, activation="relu", strides=2, padding="same")(encoder_inputs)
    x = layers.Conv2D(16, 3, activation="relu", strides=2, padding="same")(x)
    x = layers.Flatten()(x)
    x = layers.Dense(48, activation="relu")(x)
    z_mean = layers.Dense(latent_dim, name="z_mean")(x)
    z_log_var = layers.Dense(latent_dim, name="z_log_var")(x)
    encoder = keras.Model(encoder_inputs, [z_mean, z_log_var], name="encoder")

    latent_inputs = keras.Input(shape=(latent_dim,))
    x = layers.Dense(7 * 7 * 16, activation="relu")(latent_inputs)
    x = layers.Reshape((7, 7, 16))(x)
    x = layers.Conv2DTranspose(16, 3, activation="relu", strides=2, padding="same")(x)
    x = layers.Conv2DTranspose(8, 3, activation="relu", strides=2, padding="same")(x)
    decoder_outputs = layers.Conv2DTranspose(1, 3, activation="sigmoid", padding="same")(x)
    decoder = keras.Model(latent_inputs, decoder_outputs, name="decoder")

    vae = VAE(encoder, decoder, beta=random.uniform(0.5, 1))
    vae.build((None, 28, 28, 1))
    vae.compile(optimizer=keras.optimizers.Adam(log_uniform(random, 2e-3, 4e-3)))
    return Training(
        vae,
        digits,
        None,
        None,
        18,
        explained,
        guess=0.0,
        good=0.5,
        held_out=(unseen, None),
        batch=40,
    )


# A generative adversarial network with two optimisers; images of 8x8.


class GAN(keras.Model):
    """Discriminator and generator, trained against each other."""

    def __init__(self, discriminator: keras.Model, generator: keras.Model, latent: int) -> None:
        super().__init__()
        self.discriminator, self.generator, self.latent_dim = discriminator, generator, latent
        self.seed_generator = keras.random.SeedGenerator()
        self.d_loss_tracker = keras.metrics.Mean(name="d_loss")
        self.g_loss_tracker = keras.metrics.Mean(name="g_loss")

    def compile(self, d_optimizer: Any, g_optimizer: Any, loss_fn: Any) -> None:
        """Sets the optimisers and the loss."""
        super().compile()
        self.d_optimizer, self.g_optimizer, self.loss_fn = d_optimizer, g_optimizer, loss_fn

    @property
    def metrics(self) -> list[keras.Metric]:
        """Returns the metrics that are reset at each epoch."""
        return [self.d_loss_tracker, self.g_loss_tracker]

    def call(self, images: Any) -> Any:
        """Returns the output of the model."""
        return self.discriminator(images)

    def train_step(self, real_images: Any) -> dict[str, Any]:
        """Trains on one batch."""
        if isinstance(real_images, tuple):
            real_images = real_images[0]
        count = tf.shape(real_images)[0]
        noise = keras.random.normal((count, self.latent_dim), seed=self.seed_generator)
        combined = tf.concat([self.generator(noise), real_images], axis=0)
        labels = tf.concat([tf.ones((count, 1)), tf.zeros((count, 1))], axis=0)
        labels += 0.05 * tf.random.uniform(tf.shape(labels))
        with tf.GradientTape() as tape:
            d_loss = self.loss_fn(labels, self.discriminator(combined))
        weights = self.discriminator.trainable_weights
        self.d_optimizer.apply(tape.gradient(d_loss, weights), weights)

        noise = keras.random.normal((count, self.latent_dim), seed=self.seed_generator)
        with tf.GradientTape() as tape:
            predictions = self.discriminator(self.generator(noise))
            g_loss = self.loss_fn(tf.zeros((count, 1)), predictions)
        weights = self.generator.trainable_weights
        self.g_optimizer.apply(tape.gradient(g_loss, weights), weights)
        self.d_loss_tracker.update_state(d_loss)
        self.g_loss_tracker.update_state(g_loss)
        return {"d_loss": self.d_loss_tracker.result(), "g_loss": self.g_loss_tracker.result()}


def _likeness(model: GAN, x: Any, y: Any) -> float:
    """Returns how much of the mean and the deviation of each pixel the generator meets."""
    noise = np.random.default_rng(0).normal(size=(500, model.latent_dim)).astype("float32")
    drawn = outputs(model.generator, noise)
    statistics = [np.stack([images.mean(0), images.std(0)]) for images in (drawn, np.asarray(x))]
    return r_squared(statistics[0].ravel(), statistics[1].ravel())


def _gan(random: Generator) -> Training:
    data = load("digits", data_seed(random), train=1300, val=400)
    real, other = 1 - 2 * data.x_train, 1 - 2 * data.x_val
    latent_dim = 16
    discriminator = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(24, 3, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Conv2D(48, 3, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Flatten(),
            layers.Dropout(0.2),
            layers.Dense(1, activation="sigmoid"),
        ],
        name="discriminator",
    )
    generator = keras.Sequential(
        [
            keras.Input((latent_dim,)),
            layers.Dense(2 * 2 * 32),
            layers.Reshape((2, 2, 32)),
            layers.Conv2DTranspose(32, 4, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Conv2DTranspose(16, 4, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Conv2D(1, 3, padding="same", activation="tanh"),
        ],
        name="generator",
    )
    gan = GAN(discriminator, generator, latent_dim)
    gan.build((None, 8, 8, 1))
    rate = log_uniform(random, 5e-4, 1e-3)
    gan.compile(
        keras.optimizers.Adam(rate, beta_1=0.5),
        keras.optimizers.Adam(2 * rate, beta_1=0.5),
        keras.losses.BinaryCrossentropy(),
    )
    return Training(
        gan, real, None, None, 25, _likeness, guess=0.0, good=0.8, held_out=(other, None), batch=64
    )


PROGRAMS = (
    Program(
        "denoising_autoencoder",
        "autoencoder",
        _autoencoder,
        (
            "rate_too_low",
            "rate_too_high",
            "schedule_at_zero",
            "adadelta_default",
            "zero_initialisation",
            "nan_inputs",
            "wrong_sign",
        ),
    ),
    Program(
        "vae_digits",
        "vae",
        _vae,
        ("rate_too_low", "rate_too_high", "nan_inputs", "zero_initialisation"),
    ),
    Program("gan_digits", "gan", _gan, ("rate_too_low", "rate_too_high", "nan_inputs")),
)
