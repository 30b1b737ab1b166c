"""Generative networks with their own `train_step`: a VAE and a GAN."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.random import Generator
from numpy.typing import NDArray

from benchmarks.faults.data import load
from benchmarks.faults.program import Program, Training
from benchmarks.faults.programs.development.qualities import r_squared, rate, seed


class VAE(keras.Model):
    """A variational autoencoder, after the example on keras.io."""

    def __init__(self, encoder: keras.Model, decoder: keras.Model, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.encoder, self.decoder = encoder, decoder
        self.total_loss = keras.metrics.Mean(name="loss")
        self.reconstruction_loss = keras.metrics.Mean(name="reconstruction_loss")
        self.kl_loss = keras.metrics.Mean(name="kl_loss")

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The three losses."""
        return [self.total_loss, self.reconstruction_loss, self.kl_loss]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the reconstruction from the mean of the code."""
        mean, _ = self.encoder(x)
        return self.decoder(mean)

    def train_step(self, data: Any) -> dict[str, Any]:
        """Takes one step down the sum of both losses."""
        x = data[0] if isinstance(data, tuple) else data
        with tf.GradientTape() as tape:
            mean, log_variance = self.encoder(x, training=True)
            code = mean + tf.exp(log_variance / 2) * tf.random.normal(tf.shape(mean))
            logits = self.decoder(code, training=True)
            reconstruction = tf.reduce_mean(tf.reduce_sum((x - logits) ** 2, axis=(1, 2, 3)))
            divergence = -0.5 * (1 + log_variance - mean**2 - tf.exp(log_variance))
            kl = tf.reduce_mean(tf.reduce_sum(divergence, axis=1))
            loss = reconstruction + 0.5 * kl
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        self.total_loss.update_state(loss)
        self.reconstruction_loss.update_state(reconstruction)
        self.kl_loss.update_state(kl)
        return {metric.name: metric.result() for metric in self.metrics}


def vae_digits(random: Generator) -> Training:
    """Returns a convolutional VAE that is trained on images alone, without validation."""
    x, _, x_val, _, _ = load("digits", seed(random), train=1_200, val=400)
    inputs = layers.Input((8, 8, 1))
    hidden = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(inputs)
    hidden = layers.Dense(48, activation="relu")(layers.Flatten()(hidden))
    outputs = [layers.Dense(8, name="mean")(hidden), layers.Dense(8, name="log_variance")(hidden)]
    encoder = keras.Model(inputs, outputs, name="encoder")
    decoder = keras.Sequential(
        [
            layers.Input((8,)),
            layers.Dense(4 * 4 * 16, activation="relu"),
            layers.Reshape((4, 4, 16)),
            layers.Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(1, 3, padding="same", activation="sigmoid"),
        ],
        name="decoder",
    )
    model = VAE(encoder, decoder)
    model(x[:1])
    model.compile(optimizer=keras.optimizers.Adam(rate(random, 2e-3)))
    return Training(
        model,
        x,
        None,
        None,
        25,
        reconstructed,
        0.0,
        0.47,
        (x_val, None),
        batch=32,
        probe=x[:256],
    )


def reconstructed(model: keras.Model, x: NDArray, _: None) -> float:
    """Returns the share of the images' variance that the reconstruction explains."""
    return r_squared(np.asarray(model(x)), x)


class GAN(keras.Model):
    """A generator that starts from noise, and a discriminator."""

    def __init__(self, generator: keras.Model, discriminator: keras.Model) -> None:
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.d_loss = keras.metrics.Mean(name="d_loss")
        self.g_loss = keras.metrics.Mean(name="g_loss")

    def compile(self, d_optimizer: Any, g_optimizer: Any, loss: Any) -> None:
        """Takes an optimizer for each of the two networks."""
        super().compile(optimizer=g_optimizer)
        self.d_optimizer, self.g_optimizer, self.loss_fn = d_optimizer, g_optimizer, loss

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """Both losses."""
        return [self.d_loss, self.g_loss]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Returns what the discriminator says of images."""
        return self.discriminator(x)

    def noise(self, count: Any) -> tf.Tensor:
        """Returns what the generator starts from."""
        return tf.random.normal((count, self.generator.input_shape[-1]))

    def train_step(self, data: Any) -> dict[str, Any]:
        """Trains the discriminator once, then the generator."""
        real = data[0] if isinstance(data, tuple) else data
        count = tf.shape(real)[0]
        with tf.GradientTape() as tape:
            fake = self.generator(self.noise(count), training=True)
            said = self.discriminator(tf.concat([real, fake], 0), training=True)
            truth = tf.concat([0.9 * tf.ones((count, 1)), tf.zeros((count, 1))], 0)
            d_loss = self.loss_fn(truth, said)
        weights = self.discriminator.trainable_weights
        gradients = tape.gradient(d_loss, weights)
        self.d_optimizer.apply_gradients(zip(gradients, weights, strict=True))
        with tf.GradientTape() as tape:
            said = self.discriminator(self.generator(self.noise(count), training=True))
            g_loss = self.loss_fn(tf.ones((count, 1)), said)
        weights = self.generator.trainable_weights
        gradients = tape.gradient(g_loss, weights)
        self.g_optimizer.apply_gradients(zip(gradients, weights, strict=True))
        self.d_loss.update_state(d_loss)
        self.g_loss.update_state(g_loss)
        return {"d_loss": self.d_loss.result(), "g_loss": self.g_loss.result()}


def gan_digits(random: Generator) -> Training:
    """Returns a small convolutional GAN: two losses that neither rise nor fall for long."""
    x, _, x_val, _, _ = load("digits", seed(random), train=1_300, val=400)
    generator = keras.Sequential(
        [
            layers.Input((16,)),
            layers.Dense(4 * 4 * 32),
            layers.LeakyReLU(0.2),
            layers.Reshape((4, 4, 32)),
            layers.Conv2DTranspose(32, 4, strides=2, padding="same"),
            layers.LeakyReLU(0.2),
            layers.Conv2D(1, 3, padding="same", activation="sigmoid"),
        ],
        name="generator",
    )
    discriminator = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(32, 3, strides=2, padding="same"),
            layers.LeakyReLU(0.2),
            layers.Conv2D(32, 3, strides=2, padding="same"),
            layers.LeakyReLU(0.2),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(1),
        ],
        name="discriminator",
    )
    model = GAN(generator, discriminator)
    model(x[:1])
    usual = rate(random, 1e-3)
    model.compile(
        keras.optimizers.Adam(usual, beta_1=0.5),
        keras.optimizers.Adam(usual, beta_1=0.5),
        keras.losses.BinaryCrossentropy(from_logits=True),
    )
    return Training(
        model,
        x,
        None,
        None,
        20,
        likeness,
        0.0,
        0.9,
        (x_val, None),
        batch=32,
        probe=x[:256],
    )


def likeness(model: GAN, x: NDArray, _: None) -> float:
    """Returns how near mean and deviation of each generated pixel are to those of the images."""
    made = np.asarray(model.generator(model.noise(500)))
    flat = np.concatenate([np.zeros_like(x[0]), x.mean() + np.zeros_like(x[0])])
    true, said = (np.concatenate([a.std(0), a.mean(0)]) for a in (x, made))
    return float(1 - np.sum((said - true) ** 2) / np.sum((flat - true) ** 2))


PROGRAMS = (
    Program(
        "vae_digits",
        "vae",
        vae_digits,
        (
            "rate_too_low",
            "rate_too_high",
            "adadelta_default",
            "zero_initialisation",
            "nan_inputs",
            "dead_at_start",
        ),
    ),
    Program(
        "gan_digits",
        "gan",
        gan_digits,
        ("rate_too_low", "rate_too_high", "nan_inputs", "zero_initialisation"),
    ),
)
