"""Real sources of models: seven networks in PyTorch, exported with torch.onnx.

signals.py    made-up signals with the structure of real ones
networks.py   the networks
sources.py    each network with its signals: weights from a seed, export to a file
quantiser.py  ONNX Runtime's own static quantiser, for comparison
figures.py    what is measured on one model
"""
