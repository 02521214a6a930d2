"""What a network of a bundle may hold: checked on the file's bytes, before anything is loaded.

A bundle may come from anybody. ONNX can name other files of this machine (external data), loop
without end, call code of others (custom operators) and ask for any amount of memory; what a
generator of faces needs is a list of plain operators. The runtime half does without the package
`onnx`, so the few fields that matter are read here from the protocol buffer itself.

Source: onnx.proto of ONNX 1.17 (field numbers), and the protocol buffers' encoding.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

_MAX_TENSOR_ELEMENTS = 64_000_000
_MAX_NODES = 20_000

# Without: control flow (If, Loop, Scan), random numbers (a seed gives the same face), strings,
# sequences, and what makes a large tensor of a small one without a weight (Tile, Range, ...),
# but for what the exporter of torch makes of common modules.
_NAMES = """
    Abs Add And AveragePool BatchNormalization Cast CastLike Ceil Clip Concat Constant
    ConstantOfShape Conv ConvTranspose Cos DepthToSpace Div Dropout Einsum Elu Equal Erf Exp Expand
    Flatten Floor Gather Gelu Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual
    GroupNormalization HardSigmoid HardSwish Identity InstanceNormalization LayerNormalization
    LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max MaxPool Mean Min Mish Mod Mul Neg Not Or
    PRelu Pad Pow Reciprocal ReduceL1 ReduceL2 ReduceLogSumExp ReduceMax ReduceMean ReduceMin
    ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize Round Selu Shape Sigmoid Sign Sin
    Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Tanh Transpose
    Unsqueeze Upsample Where
"""
OPERATORS = frozenset(_NAMES.split())

_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5
_MODEL_GRAPH, _MODEL_TRAINING, _MODEL_FUNCTIONS = 7, 20, 25
_GRAPH_NODE, _GRAPH_TENSOR, _GRAPH_SPARSE = 1, 5, 15
_NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS, _ATTRIBUTE_SPARSE = (5, 10), (6, 11), (22, 23)
_TENSOR_DIMENSIONS, _TENSOR_EXTERNAL, _TENSOR_LOCATION = 1, 13, 14

_Value = int | memoryview


def refuse_unsafe(content: bytes) -> set[str]:
    """Refuse a network that does more than compute with tensors of its own.

    Returns:
        The operators that it uses.

    Raises:
        ValueError: It is no ONNX file; or holds external data, a subgraph, a function, a sparse or
            too large tensor, an operator that is not in `OPERATORS`, or too many nodes.
    """
    n_nodes, used = 0, set[str]()
    for field, graph in _fields(memoryview(content)):
        if field in (_MODEL_FUNCTIONS, _MODEL_TRAINING):
            raise ValueError("it holds functions of its own, which are not run")
        if field != _MODEL_GRAPH:
            continue
        for part, value in _fields(graph):
            if part == _GRAPH_NODE:
                n_nodes += 1
                used.add(_check_node(value))
            elif part == _GRAPH_TENSOR:
                _check_tensor(value)
            elif part == _GRAPH_SPARSE:
                raise ValueError("it holds sparse tensors, which are not read")
    if not 0 < n_nodes <= _MAX_NODES:
        raise ValueError(f"it has {n_nodes} nodes; 1 to {_MAX_NODES} are run")
    return used


def _check_node(node: _Value) -> str:
    """Check a node, and give its operator."""
    operator = domain = ""
    for field, value in _fields(node):
        if field == _NODE_OPERATOR:
            operator = _text(value)
        elif field == _NODE_DOMAIN:
            domain = _text(value)
        elif field == _NODE_ATTRIBUTE:
            for part, of_attribute in _fields(value):
                if part in _ATTRIBUTE_TENSORS:
                    _check_tensor(of_attribute)
                elif part in (*_ATTRIBUTE_GRAPHS, *_ATTRIBUTE_SPARSE):
                    raise ValueError("a node of it holds a graph, which is not run")
    if domain not in ("", "ai.onnx") or operator not in OPERATORS:
        raise ValueError(f"its operator {'.'.join(filter(None, (domain, operator)))!r} is not run")
    return operator


def _check_tensor(tensor: _Value) -> None:
    dimensions: list[int] = []
    for field, value in _fields(tensor):
        if field == _TENSOR_EXTERNAL or (field == _TENSOR_LOCATION and value != 0):
            raise ValueError("a tensor of it lies in another file, which is not read")
        if field == _TENSOR_DIMENSIONS:
            dimensions += [value] if isinstance(value, int) else _packed(value)
    if (n_elements := math.prod(dimensions)) > _MAX_TENSOR_ELEMENTS:
        raise ValueError(
            f"a tensor of it has {n_elements} elements; at most {_MAX_TENSOR_ELEMENTS} are read"
        )


def _fields(message: _Value) -> Iterator[tuple[int, _Value]]:
    """Number and value of each field of a message: integers, or the bytes of what has a length."""
    if isinstance(message, int):
        raise ValueError("it is not ONNX")
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        kind = key & 7
        if kind == _VARINT:
            value, position = _varint(message, position)
        elif kind == _BYTES:
            length, position = _varint(message, position)
            value, position = message[position : position + length], position + length
        elif kind in (_FIXED_64, _FIXED_32):
            length = 8 if kind == _FIXED_64 else 4
            value, position = message[position : position + length], position + length
        else:
            raise ValueError("it is not ONNX")
        if position > len(message):
            raise ValueError("it is not ONNX, or is cut")
        yield key >> 3, value


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """An integer in groups of seven bits, the lowest first, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            break
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("it is not ONNX, or is cut")


def _packed(message: memoryview) -> list[int]:
    values: list[int] = []
    position = 0
    while position < len(message):
        value, position = _varint(message, position)
        values.append(value)
    return values


def _text(value: _Value) -> str:
    return "" if isinstance(value, int) else bytes(value[:100]).decode(errors="replace")
