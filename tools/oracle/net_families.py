"""The families of random networks: each function draws one network on a Net and marks its outputs.

A family imitates the shape of published networks at a size that fits a test: at most 33 x 31 pixels and 60 KB of
weights.  `fmt` is 'NHWC', 'NCHW' or 'mixed'; mixed networks change layout between blocks through Transpose nodes, so
that NCHW islands stand among NHWC parts and the other way round.
"""
import numpy as np

from net_graph import Reject, Val


class Style:
    """How one network spells its layers; drawn once, so that a network is consistent as real ones are."""

    def __init__(self, n):
        self.bn = n.pick('fused', 'fused', 'fused', 'nn', 'affine', 'centred', 'divided', None)
        self.act = n.pick('Relu', 'Relu', 'Relu', 'Relu6', 'LeakyRelu', 'Elu', 'swish', 'prelu')
        self.bias = n.pick(None, None, 'BiasAdd', 'add')
        if self.bn is None and self.bias is None:
            self.bias = 'BiasAdd'


def image_input(n, fmt, h, w, c):
    """An image placeholder; an NCHW network may take NHWC data and transpose first."""
    if fmt == 'NCHW' and n.chance(.6):
        return n.input((h, w, c), 'NCHW')
    x = n.input((h, w, c), 'NHWC')
    return n.to_layout(x, 'NCHW') if fmt == 'NCHW' else x


def switch(n, fmt, x, p=.5):
    """A layout change, in mixed networks only."""
    if fmt == 'mixed' and x.layout and n.chance(p):
        return n.to_layout(x, 'NCHW' if x.layout == 'NHWC' else 'NHWC')
    return x


def unit(n, st, x, cout, k=3, stride=1, padding='SAME', act=True, **kw):
    """conv [bias] [bn] [act], the bread of every network."""
    y = n.conv(x, cout, k, stride, padding, **kw)
    if st.bias:
        y = n.bias(y, st.bias)
    if st.bn:
        y = n.bn(y, st.bn)
    return n.act(y, st.act) if act else y


def head(n, st, x, classes):
    """From an image to class scores, in one of the usual ways."""
    how = n.pick('pool', 'pool', 'flatten', 'conv')
    if how == 'conv':                              # slim: 1x1 convolution, then Squeeze
        y = n.global_pool(x, keep=True)
        y = n.bias(n.conv(y, classes, 1), 'BiasAdd')
        y = n.squeeze(y)
    else:
        if how == 'flatten' and x.size > 400:
            x = n.pool(x, 'avg', 2, 2, 'VALID')
        y = n.global_pool(x) if how == 'pool' else n.flatten(x)
        if y.size * classes > 5000:
            raise Reject('head')
        if n.chance(.4):
            y = n.dropout(y)
        y = n.dense(y, classes, relu_gain=False)
    return n.softmax(y) if n.chance(.5) else y


# ---- residual

def residual_block(n, st, x, cout, stride, pre, bottleneck):
    mid = max(4, cout // 2) if bottleneck else cout
    y = x
    if pre:
        y = n.act(n.bn(y, st.bn or 'fused'), st.act)
    short = y if pre and n.chance(.5) else x
    if stride != 1 or x.channels != cout:
        if x.channels == cout and n.chance(.4):
            short = n.pool(x, 'max', 1, stride)
        else:
            short = n.conv(short, cout, 1, stride)
            if not pre:
                short = n.bn(short, st.bn) if st.bn else n.bias(short)
    pad = n.pick('SAME', 'FIXED') if stride != 1 else 'SAME'
    plan = [(1, 1, mid, 'SAME'), (3, stride, mid, pad), (1, 1, cout, 'SAME')] if bottleneck else \
           [(3, stride, cout, pad), (3, 1, cout, 'SAME')]
    for i, (k, s, c, p) in enumerate(plan):
        last = i == len(plan) - 1
        y = n.conv(y, c, k, s, p)
        if pre:
            if last:
                y = n.bias(y) if n.chance(.5) else y
            else:
                y = n.act(n.bn(y, st.bn or 'fused'), st.act)
        else:
            y = n.bias(y, st.bias) if st.bias else y
            y = n.bn(y, st.bn) if st.bn else y
            y = y if last else n.act(y, st.act)
    y = n.add(y, short) if n.chance(.5) else n.add(short, y)
    return y if pre else n.act(y, st.act)


def residual(n, fmt):
    st = Style(n)
    x = image_input(n, fmt, n.between(15, 33), n.between(15, 31), n.pick(1, 3, 3, 4))
    pre, bottleneck = n.chance(.4), n.chance(.4)
    x = unit(n, st, x, n.pick(8, 12), n.pick(3, 5, 7), 2, n.pick('SAME', 'FIXED', 'VALID'))
    if n.chance(.5):
        x = n.pool(x, 'max', 3, n.pick(1, 2), n.pick('SAME', 'VALID'))
    width = x.channels
    for stage in range(n.between(2, 3)):
        for b in range(n.between(1, 2)):
            x = switch(n, fmt, x, .6)
            with n.scope(f'block{stage + 1}'), n.scope(f'unit_{b + 1}'):
                x = residual_block(n, st, x, width, 2 if b == 0 and stage else 1, pre, bottleneck)
        if n.chance(.3):
            x = n.pass_through(x)
        width = min(24, width + n.pick(0, 4, 8))
    if pre:
        x = n.act(n.bn(x, st.bn or 'fused'), st.act)
    if n.chance(.12) and x.shape[0] * x.shape[1] >= 16:
        x = n.bn(x, 'training')
    n.output(head(n, st, x, n.pick(5, 10, 16)))
    if n.chance(.3):
        n.output(x)


# ---- inception

def inception_block(n, fmt, st, x):
    h, w, _ = x.shape
    branches = []
    with n.scope('Branch_0'):
        branches.append(unit(n, st, x, n.pick(4, 6, 8), 1))
    with n.scope('Branch_1'):
        y = unit(n, st, x, 4, 1)
        if n.chance(.6):
            k = n.pick(3, 5, 7)
            y = unit(n, st, unit(n, st, y, 6, (1, k)), n.pick(6, 8), (k, 1))
        else:
            y = unit(n, st, y, n.pick(6, 8), n.pick(3, 5))
        branches.append(y)
    if n.chance(.6):
        with n.scope('Branch_2'):
            y = unit(n, st, switch(n, fmt, x, .3), 4, 1)
            y = unit(n, st, unit(n, st, y, 6, 3), 6, 3)
            if n.chance(.3):                             # the split 1x3 / 3x1 tail
                y = n.concat([unit(n, st, y, 3, (1, 3)), unit(n, st, y, 3, (3, 1))])
            branches.append(y)
    with n.scope('Branch_3'):
        y = n.pool(x, n.pick('avg', 'avg', 'max'), 3, 1)
        branches.append(unit(n, st, y, 4, 1) if n.chance(.8) else y)
    y = n.concat(branches)
    if n.chance(.25):                                    # Inception-ResNet
        y = n.bias(n.conv(y, x.channels, 1), 'BiasAdd')
        y = n.binary('Mul', y, n.scalar(n.pick(.17, .1, .3)), 'mul')
        y = n.act(n.add(x, y), st.act)
    return y


def reduction_block(n, st, x):
    pad = n.pick('SAME', 'VALID')
    a = unit(n, st, x, 8, 3, 2, pad)
    b = n.pool(x, 'max', 3, 2, pad)
    parts = [a, b]
    if n.chance(.5):
        parts.insert(1, unit(n, st, unit(n, st, x, 4, 1), 6, 3, 2, pad))
    return n.concat(parts)


def inception(n, fmt):
    st = Style(n)
    x = image_input(n, fmt, n.between(17, 31), n.between(17, 31), 3)
    x = unit(n, st, x, 8, 3, 2, n.pick('VALID', 'SAME'))
    x = unit(n, st, x, 10, 3, 1, n.pick('VALID', 'SAME'))
    if n.chance(.4):
        x = n.pool(x, 'max', 3, 2, 'SAME')
    for i in range(n.between(1, 3)):
        x = switch(n, fmt, x, .6)
        with n.scope(f'Mixed_{5 + i}'):
            x = inception_block(n, fmt, st, x)
        if i == 0 and min(x.shape[:2]) >= 5:
            with n.scope('Mixed_6'):
                x = reduction_block(n, st, x)
    n.output(head(n, st, x, n.pick(6, 10)))


# ---- mobile

def separable(n, st, x, cout, stride, act):
    pad = 'FIXED' if stride == 2 and n.chance(.5) else 'SAME'
    y = n.depthwise(x, 1 if n.chance(.85) else 2, n.pick(3, 3, 5), stride, pad)
    y = n.bn(y, st.bn) if st.bn else n.bias(y, st.bias)
    y = n.act(y, act)
    return unit(n, st, y, cout, 1, act=False), act


def inverted_residual(n, st, x, cout, stride, act, squeeze):
    y = x
    expand = n.pick(2, 3, 4)
    with n.scope('expanded_conv'):
        y = n.act(unit(n, st, y, x.channels * expand, 1, act=False), act)
        k = n.pick(3, 3, 5)
        y = n.depthwise(y, 1, k, stride, 'FIXED' if stride == 2 and n.chance(.6) else 'SAME')
        y = n.bn(y, st.bn) if st.bn else n.bias(y, st.bias)
        y = n.act(y, act)
        if squeeze:
            s = n.global_pool(y, keep=True)
            s = n.act(n.bias(n.conv(s, 4, 1), 'BiasAdd'), 'Relu')
            s = n.bias(n.conv(s, y.channels, 1), 'BiasAdd')
            if n.chance(.5):
                s = n.unary('Sigmoid', s)
            else:
                s = n.binary('Mul', n.unary('Relu6', n.binary(n.add_op(), s, n.scalar(3.0), 'add')),
                             n.scalar(1 / 6.0), 'mul')
            y = n.binary('Mul', y, s.ref, 'mul')
        y = unit(n, st, y, cout, 1, act=False)
    return n.add(y, x) if stride == 1 and x.channels == cout else y


def mobile(n, fmt):
    st = Style(n)
    st.bn = n.pick('fused', 'fused', 'fused', 'nn', 'affine', 'centred')
    act = n.pick('Relu6', 'Relu6', 'hard_swish', 'Relu')
    x = image_input(n, fmt, n.between(16, 33), n.between(16, 31), 3)
    x = n.act(unit(n, st, x, 8, 3, 2, n.pick('SAME', 'FIXED'), act=False), act)
    inverted = n.chance(.6)
    width = 8
    for i in range(n.between(3, 5)):
        x = switch(n, fmt, x)
        stride = 2 if i in (1, 3) and min(x.shape[:2]) >= 4 else 1
        if inverted:
            x = inverted_residual(n, st, x, width, stride, act, n.chance(.25))
        else:
            with n.scope(f'Conv2d_{i + 1}'):
                x, _ = separable(n, st, x, width, stride, act)
                x = n.act(x, act)
        width = min(24, width + n.pick(0, 0, 4, 8))
    if n.chance(.5):
        x = n.act(unit(n, st, x, n.pick(24, 32), 1, act=False), act)
    n.output(head(n, st, x, n.pick(5, 8, 12)))


# ---- U-shaped

def unet(n, fmt):
    st = Style(n)
    depth = n.between(2, 3)
    step = 2 ** depth
    odd = n.chance(.3)                             # sizes that need an explicit output size on the way up
    h = n.between(2, 3 if depth == 3 else 5) * step + (n.between(1, step - 1) if odd else 0)
    w = n.between(2, 3 if depth == 3 else 5) * step + (n.between(1, step - 1) if odd else 0)
    x = image_input(n, fmt, min(h, 33), min(w, 31), n.pick(1, 3))
    width, skips = n.pick(4, 6, 8), []
    sizes = n.pick('const', 'batch', 'chain', 'hw' if n.era.producer == 2474 else 'chain')
    for level in range(depth):
        with n.scope(f'down_{level}'):
            x = unit(n, st, switch(n, fmt, x), width, 3)
            if n.chance(.4):
                x = unit(n, st, x, width, 3, dil=n.pick(1, 2), form=n.pick('native', 'batch'))
            skips.append(x)
            x = n.pool(x, 'max', 2, 2) if n.chance(.6) else unit(n, st, x, width, 3, 2)
        width = min(16, width * 2)
    x = unit(n, st, switch(n, fmt, x), width, 3)
    if n.chance(.4):
        x = n.dropout(x)
    for level in reversed(range(depth)):
        skip = skips.pop()
        with n.scope(f'up_{level}'):
            k = n.pick(2, 3, 4)
            x = n.deconv(switch(n, fmt, x, .3), skip.channels, k, 2, 'SAME', skip.shape[:2], sizes)
            x = n.bias(x) if n.chance(.6) else n.bn(x, st.bn or 'fused')
            x = n.act(x, st.act)
            x = n.concat([x, skip] if n.chance(.5) else [skip, x]) if n.chance(.75) else n.add(x, skip)
            x = unit(n, st, x, skip.channels, 3)
    x = n.bias(n.conv(x, n.pick(1, 2, 3), 1), 'BiasAdd')
    last = n.pick('Sigmoid', 'softmax', None)
    if last == 'softmax' and x.channels > 1 and x.layout == 'NHWC':
        x = n.softmax(x)
    elif last == 'Sigmoid':
        x = n.unary('Sigmoid', x)
    n.output(x)


# ---- transposed-convolution generators

def generator(n, fmt):
    st = Style(n)
    layout = 'NHWC' if fmt == 'NHWC' else 'NCHW' if fmt == 'NCHW' else n.pick('NHWC', 'NCHW')
    h, w, c = n.between(2, 4), n.between(2, 4), n.pick(8, 12)
    z = n.input((n.pick(8, 16),))
    y = n.dense(z, h * w * c)
    if n.chance(.4):
        y = n.act(y, 'Relu')
    label = n.input((n.pick(3, 4),)) if n.chance(.4) else None
    y = n.reshape(y, (h, w, c) if layout == 'NHWC' else (c, h, w), n.pick('const', 'batch'))
    x = n.as_image(y, layout)
    x = n.bn(x, st.bn) if st.bn else n.bias(x, 'BiasAdd')
    x = n.act(x, st.act)
    if label is not None:                          # conditioning: one number per channel, broadcast over the image
        s = n.dense(label, x.channels)
        s = n.as_image(n.reshape(s, (1, 1, c) if x.layout == 'NHWC' else (c, 1, 1)), x.layout)
        x = n.binary(n.pick(n.add_op(), 'Mul'), x, s.ref, 'condition')
    for i in range(n.between(2, 3)):
        x = switch(n, fmt, x, .6)
        pad = n.pick('SAME', 'SAME', 'VALID')
        k = n.pick(3, 4, 5, 2)
        stride = n.pick(2, 2, 2, 1) if i else 2
        sizes = n.pick('const', 'batch', 'chain')
        with n.scope(f'deconv_{i + 1}'):
            x = n.deconv(x, max(4, x.channels // 2) if i else 8, k, stride, pad, None, sizes)
            if max(x.shape[:2]) > 33:
                raise Reject('large')
            x = n.bn(x, st.bn) if st.bn else n.bias(x, st.bias)
            x = n.act(x, st.act)
    x = switch(n, fmt, x, .5)
    if n.chance(.5):
        x = n.bias(n.conv(x, n.pick(1, 3), 3), 'BiasAdd')
    else:
        x = n.bias(n.deconv(x, n.pick(1, 3), 3, 1, 'SAME'), 'BiasAdd')
    n.output(n.unary('Tanh', x))


# ---- flatten and fully connected

def dense_stack(n, x, widths):
    for units in widths:
        x = n.dense(x, units, n.pick('plain', 'plain', 'transposed', 'left') if n.chance(.3) else None)
        x = n.act(x, n.pick('Relu', 'Tanh', 'Sigmoid', 'Elu', 'Selu', 'Softplus'))
        if n.chance(.35):
            x = n.dropout(x)
    return x


def connected(n, fmt):
    st = Style(n)
    if n.chance(.25) and fmt == 'NHWC':
        x = n.input((n.between(5, 40),))
        feature = x
    else:
        x = image_input(n, fmt, n.between(9, 20), n.between(9, 20), n.pick(1, 3))
        for i in range(n.between(1, 2)):
            x = unit(n, st, switch(n, fmt, x, .7), n.pick(4, 6, 8), n.pick(3, 5), 1, n.pick('SAME', 'VALID'))
            x = n.pool(x, n.pick('max', 'avg'), 2, 2, n.pick('SAME', 'VALID'))
        while x.size > 300:
            x = n.pool(x, 'max', 3, 2, 'SAME')
        if x.layout == 'NCHW' and n.chance(.4):    # Keras channels_first: Transpose, then Flatten
            x = n.to_layout(x, 'NHWC')
        feature = n.flatten(x)
    if n.chance(.4):
        extra = n.input((n.between(2, 6),))
        at = n.ints('axis', 1 if n.chance(.5) else -1)
        feature = n.apply('ConcatV2', 'concat', [feature.ref, extra.ref, at], (feature.size + extra.size,), N=2)
    y = dense_stack(n, feature, [n.pick(12, 16, 24) for _ in range(n.between(1, 3))])
    scores = n.dense(y, n.pick(3, 7, 10), relu_gain=False)
    n.output(n.softmax(scores) if n.chance(.6) else scores)
    if n.chance(.4):
        n.output(n.dense(y, 1, relu_gain=False))


# ---- mixed: everything else, at random

def raw_shape_guard(shape):
    if int(np.prod(shape)) > 8000 or int(np.prod(shape)) < 4 or len(shape) > 4:
        raise Reject('shape')


def bounded(n, x):
    """Tanh-like squashing so that Exp, Pow and the like stay near 1."""
    return n.unary(n.pick('Tanh', 'Softsign', 'Sigmoid'), x)


def random_unary(n, x):
    kind = n.pick('Relu', 'Relu6', 'Elu', 'Selu', 'LeakyRelu', 'Softplus', 'Softsign', 'Tanh', 'Sigmoid', 'Abs', 'Neg',
                  'clip', 'mish', 'hard_swish', 'swish', 'exp', 'log', 'pow', 'sqrt', 'rsqrt', 'square', 'log_softplus')
    if kind in ('LeakyRelu', 'clip', 'mish', 'hard_swish', 'swish'):
        return n.act(x, kind)
    if kind == 'exp':
        return n.unary('Exp', bounded(n, x) if n.chance(.5) else n.unary('Neg', n.unary('Abs', x)))
    if kind in ('log', 'sqrt', 'rsqrt', 'pow'):
        low = n.pick(1.0, 0.5)
        y = n.binary(n.add_op(), n.unary('Abs', x), n.scalar(1.0 if kind == 'log' else low), 'add')
        if kind == 'pow':
            return n.binary('Pow', y, n.scalar(n.pick(.5, 1.5, -.5, 2.0)), 'Pow')
        return n.unary({'log': 'Log', 'sqrt': 'Sqrt', 'rsqrt': 'Rsqrt'}[kind], y)
    if kind == 'square':
        y = bounded(n, x)
        return n.unary('Square', y) if n.chance(.5) else n.binary('Pow', y, n.scalar(n.pick(2.0, 3.0)), 'Pow')
    if kind == 'log_softplus':                     # Log(1 + Exp(x)) written out, as older graphs have it
        e = n.unary('Exp', bounded(n, x))
        return n.unary('Log', n.binary(n.add_op(), e, n.scalar(1.0), 'add'))
    return n.unary(kind, x)


def broadcastable(n, x):
    """A constant that broadcasts to raw tensor x: any suffix of its shape with some axes 1, or a scalar."""
    take = n.between(0, len(x.shape))
    shape = [d if n.chance(.6) else 1 for d in x.shape[len(x.shape) - take:]]
    if take == len(x.shape) and n.chance(.5):
        shape = [1] + shape
    return shape


def random_const_binary(n, x):
    shape = broadcastable(n, x) if x.layout is None else None
    op = n.pick('add', 'Sub', 'Mul', 'Minimum', 'Maximum', 'SquaredDifference', 'RealDiv', 'rdiv', 'rsub')

    def operand(low, high):
        if shape is None:
            return n.vector('const', n.uniform(x.channels, low, high), x)
        return n.weight('const', n.uniform(shape, low, high))
    if op == 'add':
        return n.binary(n.add_op(), x, operand(-.5, .5), 'add', swap=n.chance(.5))
    if op == 'Mul':
        return n.binary('Mul', x, operand(.6, 1.4), 'mul', swap=n.chance(.5))
    if op == 'RealDiv':
        return n.binary(n.pick('RealDiv', 'Div'), x, operand(.7, 1.5), 'truediv')
    if op == 'rdiv':
        y = n.binary(n.add_op(), n.unary('Abs', x), n.scalar(1.0), 'add')
        return n.binary('RealDiv', y, operand(.7, 1.5), 'truediv', swap=True)
    if op == 'SquaredDifference':
        return n.binary(op, bounded(n, x), operand(-.5, .5), op, swap=n.chance(.3))
    swap = op == 'rsub' or n.chance(.3)
    return n.binary('Sub' if op == 'rsub' else op, x, operand(-.6, .6), 'sub' if op == 'rsub' else op, swap=swap)


def random_image_op(n, fmt, st, x):
    """One step that keeps x an image."""
    h, w, c = x.shape
    kind = n.pick('conv', 'conv', 'group', 'dilated', 'depthwise', 'pool', 'se', 'pad', 'training', 'fused', 'addn',
                  'bias', 'pass', 'pass', 'switch', 'channel_stats', 'explicit', 'hand_group')
    if kind == 'conv':
        return unit(n, st, x, n.pick(4, 6, 8), n.pick(1, 3, (3, 1), (1, 5), 2), n.pick(1, 1, 2),
                    n.pick('SAME', 'VALID'))
    if kind == 'group':
        g = n.pick(*[d for d in (1, 2, 3, 4, c) if c % d == 0])
        return n.bias(n.conv(x, g * n.pick(1, 2), 3, n.pick(1, 2), groups=g))
    if kind == 'hand_group' and c % 2 == 0:
        return hand_group(n, x, 2)
    if kind == 'dilated':
        return unit(n, st, x, n.pick(4, 8), 3, 1, n.pick('SAME', 'VALID'), dil=n.pick(2, 3),
                    form=n.pick('native', 'batch', 'batch'))
    if kind == 'depthwise':
        return n.depthwise(x, n.pick(1, 1, 2), 3, 1, n.pick('SAME', 'VALID'), n.pick(1, 1, 2),
                           n.pick('native', 'batch'))
    if kind == 'explicit' and n.era.producer and n.era.producer > 400:
        return n.bias(n.conv(x, n.pick(4, 6), 3, n.pick(1, 2), 'EXPLICIT'))
    if kind == 'pool':
        return n.pool(x, n.pick('max', 'avg'), n.pick(2, 3, (1, 3), (3, 2)), n.pick(1, 2, 3), n.pick('SAME', 'VALID'))
    if kind == 'se':
        s = n.reduce(x, n.pick('Mean', 'Max'), 'hw', True)
        return n.binary('Mul', x, n.unary('Sigmoid', n.bias(n.conv(s, c, 1), 'BiasAdd')).ref, 'mul')
    if kind == 'channel_stats':                    # layer normalisation over channels, by hand
        m = n.reduce(x, 'Mean', 'c', True)
        v = n.reduce(n.binary('SquaredDifference', x, m.ref), 'Mean', 'c', True)
        inv = n.unary('Rsqrt', n.binary(n.add_op(), v, n.scalar(.1), 'add'))
        return n.binary('Mul', n.binary('Sub', x, m.ref), inv.ref, 'mul')
    if kind == 'pad' and max(h, w) < 24:
        return n.pad(x, *[n.between(0, 2) for _ in range(4)], n.pick(None, None, .5))
    if kind == 'training':
        return n.bn(x, 'training')
    if kind == 'fused':
        return n.bn(x, n.pick('fused', 'nn', 'centred', 'divided', 'affine'))
    if kind == 'addn':
        return n.add_n([x, n.act(x, 'Relu'), n.bias(x)][:n.between(2, 3)])
    if kind == 'bias':
        return n.bias(x, n.pick('BiasAdd', 'add', 'scalar'))
    if kind == 'pass':
        return n.dropout(x) if n.chance(.25) else n.pass_through(x)
    return switch(n, fmt, x, 1.0)


def hand_group(n, x, groups):
    """Split, one convolution each, ConcatV2: group convolution before there was one."""
    name = n.unique('split')
    for s in n.sides:
        s.const(name + '/split_dim', np.int32(n.axis(s, x, 'c')))
        s.node(name, 'Split', [name + '/split_dim', x.ref], num_split=groups)
    h, w, c = x.shape
    parts = [n.conv(Val(f'{name}:{i}' if i else name, (h, w, c // groups), x.layout), 3, 3) for i in range(groups)]
    return n.bias(n.concat(parts), 'BiasAdd')


def random_raw_op(n, x):
    """One step on a tensor without layout, rank 1 to 3 beside the batch."""
    rank = len(x.shape)
    kind = n.pick('transpose', 'slice', 'slice', 'pad', 'softmax', 'expand', 'reshape', 'reduce', 'unary',
                  'binary', 'binary', 'pair', 'squeeze')
    if kind == 'transpose' and rank > 1:
        perm = [0] + [int(p) + 1 for p in n.rng.permutation(rank)]
        return n.apply('Transpose', 'transpose', [x.ref, n.ints('perm', perm)], [x.shape[p - 1] for p in perm[1:]])
    if kind == 'slice':
        return strided_slice(n, x)
    if kind == 'pad' and x.size < 1500:
        rows = [[0, 0]] + [[n.between(0, 1), n.between(0, 2)] for _ in x.shape]
        wide = n.chance(.2)
        return n.apply('Pad', 'Pad', [x.ref, n.ints('paddings', rows, wide=wide)],
                       [d + a + b for d, (a, b) in zip(x.shape, rows[1:])], Tpaddings='int64' if wide else 'int32')
    if kind == 'softmax':
        return n.softmax(x)
    if kind == 'expand' and rank < 4:
        at = n.between(1, rank + 1)
        shape = x.shape[:at - 1] + (1,) + x.shape[at - 1:]
        at = at - (rank + 2) if n.chance(.4) else at
        return n.apply('ExpandDims', 'ExpandDims', [x.ref, n.ints('dim', at)], shape)
    if kind == 'squeeze' and 1 in x.shape and rank > 1:
        at = x.shape.index(1)
        dims = [at + 1 - (rank + 1) if n.chance(.3) else at + 1]
        return n.apply('Squeeze', 'Squeeze', [x.ref], x.shape[:at] + x.shape[at + 1:], squeeze_dims=dims)
    if kind == 'reshape' and rank > 1:
        at = n.between(0, rank - 2)
        shape = x.shape[:at] + (x.shape[at] * x.shape[at + 1],) + x.shape[at + 2:]
        return n.reshape(x, shape, n.pick('const', 'batch'))
    if kind == 'reduce' and rank > 1:
        return reduce_raw(n, x)
    if kind == 'pair':                             # two branches of one value meet again
        y = random_unary(n, x)
        op = n.pick('Mul', 'Sub', 'Minimum', 'Maximum', n.add_op())
        return n.binary(op, bounded(n, x) if op == 'Mul' else x, y.ref, op, swap=n.chance(.5))
    return random_unary(n, x) if kind == 'unary' else random_const_binary(n, x)


def strided_slice(n, x):
    """StridedSlice with the masks TensorFlow's Python slicing produces; the batch is taken whole."""
    begin, end, step, shape = [0], [0], [1], []
    masks = {'begin_mask': 1, 'end_mask': 1, 'ellipsis_mask': 0, 'new_axis_mask': 0, 'shrink_axis_mask': 0}
    whole_tail = n.chance(.3)
    dims = list(x.shape)
    stop = len(dims) if not whole_tail else n.between(1, len(dims))
    for i, d in enumerate(dims):
        at = len(begin)
        if i >= stop:
            if n.chance(.6):
                masks['ellipsis_mask'] |= 1 << at
                begin.append(0), end.append(0), step.append(1)
            shape += dims[i:]
            break
        if len(dims) < 4 and n.chance(.1):
            masks['new_axis_mask'] |= 1 << at
            begin.append(0), end.append(0), step.append(1)
            shape.append(1)
            at += 1
        how = n.pick('range', 'range', 'all', 'shrink', 'back') if d > 2 else n.pick('all', 'range')
        if how == 'shrink' and len(dims) > 1 and n.chance(.6):
            masks['shrink_axis_mask'] |= 1 << at
            k = n.between(0, d - 1)
            begin.append(k - d if n.chance(.3) else k), end.append(begin[-1] + 1), step.append(1)
            continue
        if how == 'back':
            masks['begin_mask'] |= 1 << at
            masks['end_mask'] |= 1 << at
            begin.append(0), end.append(0), step.append(-1)
            shape.append(d)
            continue
        if how == 'all':
            masks['begin_mask'] |= 1 << at
            masks['end_mask'] |= 1 << at
            begin.append(0), end.append(0), step.append(1)
            shape.append(d)
            continue
        lo = n.between(0, d // 3)
        hi = n.between(lo + 1, d)
        s = n.pick(1, 1, 2)
        begin.append(lo), end.append(hi - d if hi < d and n.chance(.4) else hi), step.append(s)
        shape.append(-(-(hi - lo) // s))
    if not shape:
        raise Reject('slice')
    raw_shape_guard(shape)
    refs = [x.ref] + [n.ints(f'strided_slice/stack{i}', v) for i, v in (('', begin), ('_1', end), ('_2', step))]
    return n.apply('StridedSlice', 'strided_slice', refs, shape, **masks)


def reduce_raw(n, x):
    rank = len(x.shape)
    axes = sorted(set(n.between(1, rank) for _ in range(n.between(1, 2))))
    if len(axes) == rank:
        axes = axes[1:]
    keep = n.chance(.5)
    op = n.pick('Mean', 'Mean', 'Max', 'Min', 'Sum')
    given = [a - (rank + 1) if n.chance(.3) else a for a in axes]
    y = n.apply(op, op, [x.ref, n.ints('reduction_indices', given if len(given) > 1 or n.chance(.5) else given[0])],
                [1 if i + 1 in axes else d for i, d in enumerate(x.shape) if keep or i + 1 not in axes],
                keep_dims=keep)
    if op == 'Sum':
        count = np.prod([x.shape[a - 1] for a in axes])
        y = n.binary('Mul', y, n.scalar(1.0 / np.sqrt(count)), 'mul')
    return y


def mixed(n, fmt):
    st = Style(n)
    x = image_input(n, fmt, n.between(7, 20), n.between(7, 20), n.between(1, 8))
    x = unit(n, st, x, n.pick(4, 6, 8), n.pick(1, 3), 1)
    seen = []
    for _ in range(n.between(9, 16)):
        y = random_image_op(n, fmt, st, x) if n.chance(.65) else \
            random_unary(n, x) if n.chance(.5) else random_const_binary(n, x)
        if min(y.shape[:2]) < 2 or y.size > 8000:
            continue
        x = y
        seen.append(x)
        if len(seen) > 3 and seen[-3].shape == x.shape and n.chance(.4):
            x = n.add(x, seen[-3])
        if n.chance(.3):
            x = switch(n, fmt, x, 1.0)
    if n.chance(.4):                               # a second input that scales every channel
        s = n.input((n.between(2, 5),))
        s = n.dense(s, x.channels)
        shape = (1, 1, x.channels) if x.layout == 'NHWC' else (x.channels, 1, 1)
        s = n.as_image(n.reshape(s, shape, n.pick('const', 'batch')), x.layout)
        x = n.binary(n.pick('Mul', n.add_op(), 'Maximum'), x, s.ref, 'join')
    if n.chance(.3):
        n.output(x)
    x = n.as_raw(x)
    for _ in range(n.between(7, 14)):
        y = random_raw_op(n, x)
        raw_shape_guard(y.shape)
        x = y
    n.output(x)


FAMILIES = [('residual', residual), ('inception', inception), ('mobile', mobile), ('unet', unet),
            ('generator', generator), ('connected', connected), ('mixed', mixed)]
