"""Makes files.zip of this folder: `python make.py`, with TensorFlow and tf_keras installed."""

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from tensorflow_models import net, ramp, set_ramps  # noqa: E402 (from the folder of the tests)

tf1 = tf.compat.v1


def keras_2():
    """The model of Keras 2 after three updates."""
    model = net(tf_keras)
    model.compile(tf_keras.optimizers.SGD(0.01, momentum=0.9), "mse")
    model.fit(np.ones((2, 8, 8, 3)), np.ones((2, 2)), epochs=3, verbose=0)
    return set_ramps(model)


def tensorflow_1(prefix):
    """Variables by names alone, one of them in three parts, with those of two optimizers."""
    with tf.Graph().as_default():
        image = tf1.placeholder(tf.float32, (None, 8, 8, 3))
        with tf1.variable_scope("conv10"):
            kernel = tf1.get_variable("weights", (3, 3, 3, 4))
            x = tf.nn.conv2d(image, kernel, 1, "SAME") + tf1.get_variable("biases", (4,))
        with tf1.variable_scope("conv9"):
            x = tf.nn.conv2d(x, tf1.get_variable("weights", (5, 5, 4, 4)), 1, "SAME")
        with tf1.variable_scope("fc", partitioner=tf1.fixed_size_partitioner(3)):
            parts = tf1.get_variable("weights", (10, 4))
            x = tf.reshape(x, (-1, 4)) @ tf.transpose(tf.convert_to_tensor(parts))
        with tf1.variable_scope("rnn/basic_lstm_cell"):
            tf1.get_variable("kernel", (6, 8))
        step = tf1.train.get_or_create_global_step()
        loss = tf.reduce_mean(x)
        tf1.train.AdamOptimizer().minimize(loss, step)
        tf1.train.MomentumOptimizer(0.1, 0.9).minimize(loss)
        with tf1.Session() as session:
            session.run(tf1.global_variables_initializer())
            session.run(step.assign(7))
            for variable in tf1.global_variables():
                if variable.op.name in ("conv10/weights", "conv9/weights"):
                    session.run(variable.assign(ramp(variable.shape, variable.op.name)))
            begin = 0
            for part in parts:
                rows = int(part.shape[0])
                session.run(part.assign(ramp((10, 4), "fc/weights")[begin : begin + rows]))
                begin += rows
            saver = tf1.train.Saver(save_relative_paths=True)
            saver.save(session, str(prefix), step, write_meta_graph=False)


if __name__ == "__main__":
    folder = Path(tempfile.mkdtemp())
    model = keras_2()
    model.save(folder / "keras_2", save_traces=False)
    (folder / "keras_2/saved_model.pb").write_bytes(b"")  # the graph, which is not read, is large
    (folder / "keras_2/fingerprint.pb").unlink()
    model.save_weights(folder / "keras_2_weights/net")
    (folder / "tensorflow_1").mkdir()
    tensorflow_1(folder / "tensorflow_1/model.ckpt")
    shutil.make_archive(str(HERE / "files"), "zip", folder)
    shutil.rmtree(folder)
