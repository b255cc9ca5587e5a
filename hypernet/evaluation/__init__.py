"""How well people are recognised, and how sure that is.

measures          AUC, EER, TAR, thresholds, of one set of scores
intervals         Wilson's for shares, a bootstrap by person for the rest
summary           all of them together; refuses rates that too few pairs support
protocol          pairs of photographs, both directions
all_against_all   every photograph against every other
ceiling           h_bb itself as a scoring function
"""

from hypernet.evaluation.all_against_all import (
    AllAgainstAll,
    Everybody,
    evaluate_everybody,
    everybody,
)
from hypernet.evaluation.ceiling import embedding_scores
from hypernet.evaluation.intervals import Interval, wilson
from hypernet.evaluation.measures import (
    Rows,
    Same,
    ScorePairs,
    Scores,
    best_threshold,
    equal_error_rate,
    needed_impostors,
    rank,
    roc_auc,
    roc_points,
    threshold_at,
    true_accept_rate,
)
from hypernet.evaluation.protocol import (
    Directions,
    Evaluation,
    ScoredPairs,
    as_dict,
    evaluate,
    score_both_ways,
)
from hypernet.evaluation.summary import Measures, TarAtFar, judged, measure

__all__ = [
    "AllAgainstAll",
    "Directions",
    "Evaluation",
    "Everybody",
    "Interval",
    "Measures",
    "Rows",
    "Same",
    "ScorePairs",
    "ScoredPairs",
    "Scores",
    "TarAtFar",
    "as_dict",
    "best_threshold",
    "embedding_scores",
    "equal_error_rate",
    "evaluate",
    "evaluate_everybody",
    "everybody",
    "judged",
    "measure",
    "needed_impostors",
    "rank",
    "roc_auc",
    "roc_points",
    "score_both_ways",
    "threshold_at",
    "true_accept_rate",
    "wilson",
]
