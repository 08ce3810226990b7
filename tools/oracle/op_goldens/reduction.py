"""Mean, Sum, Max, Min and Prod."""
import numpy as np

from .graph import golden, shape_text

F32, I32, I64 = np.float32, np.int32, np.int64

# shape, axes (a number: a scalar Const), keep_dims, axis dtype, declared how
ROWS = [
    ([2, 4, 5, 3], [1, 2], False, I32, True),
    ([2, 4, 5, 3], [1, 2], True, I32, True),
    ([2, 3, 4, 5], [2, 3], False, I32, True),
    ([2, 3, 4, 5], [2, 3], True, I64, True),
    ([2, 4, 5, 3], [-3, -2], True, I32, False),
    ([2, 4, 5, 3], [2, 1], False, I32, False),
    ([2, 4, 5, 3], [3], False, I32, True),
    ([2, 4, 5, 3], -1, True, I32, True),
    ([2, 4, 5, 3], [0, 1, 2], False, I32, False),
    ([2, 3, 2, 3], [0, 1, 2, 3], False, I32, False),
    ([2, 3, 2, 3], [0, 1, 2, 3], True, I64, False),
    ([2, 3, 4], [], False, I32, True),
    ([2, 3, 4], [], True, I64, False),
    ([7], 0, False, I32, False),
    ([37], [0], True, I32, False),
    ([3, 5], 1, False, I64, True),
    ([3, 5], [0], False, I32, False),
    ([3, 5], [-2], True, I32, False),
    ([2, 3, 4], [1], False, I32, True),
    ([2, 3, 4], [0, 2], True, I32, False),
    ([1, 1, 1, 6], [1, 2], False, I32, True),
    ([2, 1, 3, 2, 3], [1, 3], False, I32, True),
    ([2, 1, 3, 2, 2, 2], [-1, 2, 0], True, I32, False),
    ([], [], False, I32, False),
    ([3, 33], 1, False, I32, "rank"),
]


def write(g, op, draw, integers, empty):
    for shape, axes, keep, axis_type, dynamic in ROWS:
        c = g.case("%s axes %s (%s)%s" % (shape_text(shape), axes, axis_type.__name__, ", keep_dims" * keep), dynamic)
        c.out(c.op(op, c.input(draw(c, shape)), c.const(np.asarray(axes, axis_type), axis_type,
                                                        name="reduction_indices"),
                   keep_dims=keep), itself=len(g.cases) % 5 == 0)
    for dtype in (I32, I64):
        for shape, axes in (([5], 0), ([3, 4], [1]), ([2, 3, 2], [0, 2])):
            c = g.case("%s %s axes %s" % (dtype.__name__, shape_text(shape), axes))
            c.out(c.op(op, c.input(c.integers(*integers, *shape, dtype=dtype)), c.const(axes)))
    c = g.case("%s over no element: [2,0,3] axes 1" % empty[0])
    c.nan = empty[1]
    c.out(c.op(op, c.input(np.empty([2, 0, 3], F32)), c.const(1)))
    c = g.case("infinities [2,3] axes 1")
    c.out(c.op(op, c.input(np.asarray([[np.inf, 1.0, 2.0], [-np.inf, -3.0, 1.0]], F32)), c.const(1)))
    c = g.case("no element left: [0,3] axes 1")
    c.out(c.op(op, c.input(np.empty([0, 3], F32)), c.const(1)))


def signed(c, shape):
    return c.normal(*shape, scale=2.0)


def register(op, draw, integers, empty):
    golden(op)(lambda g: write(g, op, draw, integers, empty))


register("Mean", lambda c, s: c.normal(*s, shift=1.0), (-20, 20), ("NaN", True))
register("Sum", signed, (-20, 20), ("0", False))
register("Max", lambda c, s: c.normal(*s, shift=-2.0), (-20, 20), ("-inf", False))
register("Min", lambda c, s: c.normal(*s, shift=2.0), (-20, 20), ("+inf", False))
register("Prod", lambda c, s: c.uniform(0.6, 1.6, *s) * np.where(c.rng.uniform(size=s) < 0.5, F32(1), F32(-1)), (-5, 6),
         ("1", False))
