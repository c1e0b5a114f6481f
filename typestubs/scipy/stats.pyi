import numpy as np
import numpy.typing as npt

class TtestResult:
    @property
    def pvalue(self) -> np.float64: ...
    @property
    def statistic(self) -> np.float64: ...

def ttest_rel(a: npt.ArrayLike, b: npt.ArrayLike) -> TtestResult: ...
