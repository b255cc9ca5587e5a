"""Import from ONNX: a file becomes a real-valued network of the house.

reading.py     a file -> Graph: checked, static, constants folded, own scales taken out
graph.py       the Graph
handlers/      one file per family of ONNX operators; HANDLERS lists them
importer.py    Graph -> ImportedNet
"""
