"""784-100-10 on digits: what does each neuron look for? Red for, blue against?

The network gets flat rows of 784 pixels, and nothing says that they are images of 28x28. A second
one, 784-1-2, tells 0 from 1 with a single neuron. Half a minute on two cores. Writes
neurons-*.png and logs/.
"""

import keras
from images import mnist
from keras import layers

import keras_filterwatch as fw


def main() -> None:
    keras.utils.set_random_seed(1)
    images, y = mnist()
    x = images.reshape(-1, 784)
    model = keras.Sequential(
        [
            layers.Input((784,)),
            layers.Dense(100, activation="sigmoid"),
            layers.Dense(10, activation="sigmoid"),
        ]
    )
    model.compile("adam", loss="mse", metrics=["accuracy"])
    watch = fw.FilterWatch("logs/digit_neurons", probe=x[:256])
    targets = keras.utils.to_categorical(y)
    fitted = model.fit(x, targets, epochs=10, validation_split=0.2, callbacks=[watch], verbose=0)
    print(f"784-100-10 recognises {fitted.history['val_accuracy'][-1]:.1%} of other digits.\n")
    watch.summary()

    threes = x[8_000:][y[8_000:] == 3]
    answers = model.predict(threes[:3], verbose=0).argmax(axis=-1)
    print(f"The network takes the first three 3s for {', '.join(map(str, answers))}.")
    weights_of_3 = model.layers[-1].get_weights()[0][:, 3]
    strongest = int(weights_of_3.argmax())  # the neuron that argues most for a 3
    fw.draw.templates(watch, units=range(20)).save("neurons-templates.png")
    fw.draw.class_paths(watch, classes=[0, 1, 3]).save("neurons-class_paths.png")
    evidence = fw.draw.evidence(watch, inputs=threes[:3], units=strongest, classes=range(10))
    evidence.save("neurons-evidence.png")

    pair = y < 2
    model = keras.Sequential(
        [
            layers.Input((784,)),
            layers.Dense(1, activation="sigmoid"),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    watch = fw.FilterWatch("logs/one_neuron", probe=x[pair][:256])
    fitted = model.fit(
        x[pair], y[pair], epochs=10, validation_split=0.2, callbacks=[watch], verbose=0
    )
    print(f"\n784-1-2 tells {fitted.history['val_accuracy'][-1]:.1%} of other 0s and 1s apart.\n")
    watch.summary()
    fw.draw.class_paths(watch, labels=["0", "1"]).save("neurons-pair.png")


if __name__ == "__main__":
    main()
