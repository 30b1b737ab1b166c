"""Parameters of Flax, of its Linen and of its NNX interface, as sources."""

import keras
import numpy as np

import keras_filterwatch as fw

if keras.backend.backend() == "jax":  # only there is Flax
    import jax
    import jax.numpy as jnp
    from flax import linen, nnx

    class Linen(linen.Module):
        @linen.compact
        def __call__(self, x):
            x = linen.Conv(8, (3, 3))(x)
            x = linen.BatchNorm(use_running_average=True)(x)
            x = linen.ConvTranspose(4, (4, 4))(x).reshape(len(x), -1, 4)
            x = linen.MultiHeadDotProductAttention(num_heads=2, qkv_features=6)(x)
            return linen.Dense(3)(x)

    class Nnx(nnx.Module):
        def __init__(self, rngs):
            self.conv = nnx.Conv(3, 8, (5, 5), param_dtype=jnp.bfloat16, rngs=rngs)
            self.norm = nnx.BatchNorm(8, rngs=rngs)
            self.dropout = nnx.Dropout(0.5, rngs=rngs)
            self.words = nnx.Embed(9, 4, rngs=rngs)
            self.head = nnx.Linear(8, 2, rngs=rngs)

    def test_the_variables_of_a_linen_module_are_kernels_and_others():
        variables = Linen().init(jax.random.key(0), jnp.ones((1, 6, 6, 3)))
        snapshot = fw.snapshot_of(variables)
        attention = "params/MultiHeadDotProductAttention_0"
        assert {kernel.name: kernel.array.shape for kernel in snapshot.kernels} == {
            "params/Conv_0/kernel": (3, 3, 3, 8),
            "params/ConvTranspose_0/kernel": (4, 4, 8, 4),
            f"{attention}/query/kernel": (4, 6),
            f"{attention}/key/kernel": (4, 6),
            f"{attention}/value/kernel": (4, 6),
            f"{attention}/out/kernel": (6, 4),
            "params/Dense_0/kernel": (4, 3),
        }
        assert snapshot.skipped["batch_stats/BatchNorm_0/mean"] == "a vector, not a kernel"
        first = snapshot.kernels[0].array
        np.testing.assert_array_equal(first, variables["params"]["Conv_0"]["kernel"])

    def test_the_state_of_an_nnx_module_is_kernels_and_others():
        state = nnx.state(Nnx(nnx.Rngs(0)))
        for source in (state, nnx.to_pure_dict(state)):
            snapshot = fw.snapshot_of(source)
            shapes = {kernel.name: kernel.array.shape for kernel in snapshot.kernels}
            assert shapes == {"conv/kernel": (5, 5, 3, 8), "head/kernel": (8, 2)}
            assert snapshot.skipped["words/embedding"].startswith("an embedding")
            assert snapshot.skipped["dropout/rngs/key"].startswith("it cannot be read")
            assert fw.score(snapshot)["conv/kernel"]["noise"] > 0
