"""The names of Keras's layer classes: those of today, and which older ones mean the same."""

from keras_filterwatch.layer_numbers import snake_case as snake_case

# Keras 1 and 2, tf.keras and the aliases of today -> the name of today
_CURRENT = {
    "AtrousConv1D": "Conv1D",
    "AtrousConvolution1D": "Conv1D",
    "Convolution1D": "Conv1D",
    "AtrousConv2D": "Conv2D",
    "AtrousConvolution2D": "Conv2D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "Convolution1DTranspose": "Conv1DTranspose",
    "Deconv2D": "Conv2DTranspose",
    "Deconvolution2D": "Conv2DTranspose",
    "Deconv3D": "Conv3DTranspose",
    "Deconvolution3D": "Conv3DTranspose",
    "Convolution2DTranspose": "Conv2DTranspose",
    "Convolution3DTranspose": "Conv3DTranspose",
    "SeparableConvolution1D": "SeparableConv1D",
    "SeparableConvolution2D": "SeparableConv2D",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
    "CuDNNLSTM": "LSTM",
    "CuDNNGRU": "GRU",
    "LSTMV2": "LSTM",
    "GRUV2": "GRU",
    "LSTMCellV2": "LSTMCell",
    "GRUCellV2": "GRUCell",
    "DenseV2": "Dense",
    **{f"AvgPool{n}D": f"AveragePooling{n}D" for n in (1, 2, 3)},
    **{f"MaxPool{n}D": f"MaxPooling{n}D" for n in (1, 2, 3)},
    **{f"GlobalAvgPool{n}D": f"GlobalAveragePooling{n}D" for n in (1, 2, 3)},
    **{f"GlobalMaxPool{n}D": f"GlobalMaxPooling{n}D" for n in (1, 2, 3)},
    "GroupQueryAttention": "GroupedQueryAttention",
    "Container": "Functional",
    "Model": "Functional",
    "Graph": "Functional",
    "ModuleWrapper": "Layer",
}

_NUMBERED = (
    *("Conv{}D", "Conv{}DTranspose", "SeparableConv{}D", "DepthwiseConv{}D"),
    *("LocallyConnected{}D", "ConvLSTM{}D", "AveragePooling{}D", "MaxPooling{}D"),
    *("GlobalAveragePooling{}D", "GlobalMaxPooling{}D", "AdaptiveAveragePooling{}D"),
    *("AdaptiveMaxPooling{}D", "Cropping{}D", "ZeroPadding{}D", "UpSampling{}D"),
    "SpatialDropout{}D",
)

# of all versions of Keras
KERAS_LAYERS = frozenset(
    (
        *("Activation", "ActivityRegularization", "Add", "AdditiveAttention", "AlphaDropout"),
        *("Attention", "AugMix", "AutoContrast", "Average", "BatchNormalization"),
        *("Bidirectional", "CategoryEncoding", "CenterCrop", "Concatenate"),
        *("ContrastLimitedAdaptiveHistogramEqualization", "CutMix", "Dense", "Discretization"),
        *("Dot", "Dropout", "ELU", "EinsumDense", "Embedding", "Equalization", "Flatten"),
        *("Functional", "GRU", "GRUCell", "GaussianDropout", "GaussianNoise"),
        *("GroupNormalization", "GroupedQueryAttention", "HashedCrossing", "Hashing", "Highway"),
        *("Identity", "InputLayer", "IntegerLookup", "LSTM", "LSTMCell", "Lambda"),
        *("LayerNormalization", "LeakyReLU", "Masking", "MaxNumBoundingBoxes", "MaxoutDense"),
        *("Maximum", "MelSpectrogram", "Merge", "Minimum", "MixUp", "MultiHeadAttention"),
        *("Multiply", "Normalization", "PReLU", "ParametricSoftplus", "Permute", "Pipeline"),
        *("RMSNormalization", "RNN", "RandAugment", "RandomBrightness"),
        *("RandomColorDegeneration", "RandomColorJitter", "RandomContrast", "RandomCrop"),
        *("RandomElasticTransform", "RandomErasing", "RandomFlip", "RandomGaussianBlur"),
        *("RandomGrayscale", "RandomHeight", "RandomHue", "RandomInvert", "RandomPerspective"),
        *("RandomPosterization", "RandomRotation", "RandomSaturation", "RandomSharpness"),
        *("RandomShear", "RandomTranslation", "RandomWidth", "RandomZoom", "ReLU"),
        *("RepeatVector", "Rescaling", "Reshape", "Resizing", "ReversibleEmbedding"),
        *("STFTSpectrogram", "Sequential", "SimpleRNN", "SimpleRNNCell", "Softmax"),
        *("Solarization", "SpectralNormalization", "StackedRNNCells", "StringLookup", "Subtract"),
        *("TextVectorization", "ThresholdedReLU", "TimeDistributed", "TimeDistributedDense"),
        "UnitNormalization",
        *(name.format(axes) for name in _NUMBERED for axes in (1, 2, 3)),
    )
)

# of Keras's layers, those that learn something, besides what scales the numbers that it reads
_LEARNING = (
    *("Dense", "EinsumDense", "Conv", "Separable", "Depthwise", "LocallyConnected", "Embedding"),
    *("LSTM", "GRU", "SimpleRNN", "RNN", "StackedRNNCells", "PReLU", "ParametricSoftplus"),
    *("MultiHeadAttention", "GroupedQueryAttention", "AdditiveAttention", "Attention"),
    *("GroupNormalization", "RMSNormalization", "SpectralNormalization", "Highway", "Maxout"),
    *("ReversibleEmbedding", "TimeDistributed", "Bidirectional", "Functional", "Sequential"),
)


def current_name(class_name: str) -> str:
    """Returns the name that a layer class has today.

    Example:
        >>> current_name("Convolution2D"), current_name("keras_hub>Backbone")
        ('Conv2D', 'Backbone')
    """
    bare = class_name.rpartition(">")[2]
    return _CURRENT.get(bare, bare)


def may_learn(class_name: str) -> bool:
    """Returns False for layer classes of Keras that have no weights, or only scale their inputs.

    Example:
        >>> may_learn("MaxPooling2D"), may_learn("BatchNormalization"), may_learn("Conv2D")
        (False, False, True)
    """
    return class_name not in KERAS_LAYERS or class_name.startswith(_LEARNING)


def may_have_weights(class_name: str) -> bool:
    """Returns False for layer classes of Keras that have no weights.

    Example:
        >>> may_have_weights("MaxPooling2D"), may_have_weights("BatchNormalization")
        (False, True)
    """
    return may_learn(class_name) or class_name.endswith("Normalization")
