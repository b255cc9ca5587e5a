"""Export to ONNX: the same network as other people's tools read it. Pure: nothing is written here.

float_graph.py    FloatNet -> real numbers, what training saw
qdq_graph.py      QuantNet -> QuantizeLinear / DequantizeLinear, what other tools quantise to
integer_graph.py  QuantNet -> the integer contract, bit by bit, with integer operators only
ops/              one file per operator; EXPORTERS lists them
"""
