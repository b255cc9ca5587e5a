"""Post-training quantisation: a float network and a few samples become a good integer network.

Pure steps on frozen data. The public surface:

choose.calibrate         quantises with all that the options allow, measures, keeps one
choose.Samples, Options, Calibration, Report, Candidate  what it takes and gives
ranges.with_ranges       ranges and left shifts by one observer
observers.OBSERVERS      the observers
signal_to_noise.snr_db, snr_by_output  how much of a signal is left

`equalise` and `correct_biases`, each in its file, are steps of `calibrate`. Activations are always
the real values [N, ...] of layers and inputs by name, so nothing here knows what a network's
inputs are.
"""
