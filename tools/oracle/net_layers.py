"""The layers of a network: convolutions, pools, bias, batch norm, activations, joins, reshapes.

Each method writes its nodes into both graphs of a Net (net_builder.py) and returns the Val that they compute.  Where
TensorFlow's versions and libraries spell a layer differently (a bias as BiasAdd or as a broadcast Add, a batch norm
fused or written out, the many forms of Flatten), the wanted graph gets one of the spellings and the twin the plainest.
"""
import numpy as np

from net_graph import Reject, Val, same_pad, spread


class Layers:
    """Mixed into Net; uses its names, constants and generic nodes."""

    # ---- convolutions and pools

    def pad(self, x, top, bottom, left, right, value=None):
        """Explicit zero (or constant) padding of the spatial axes."""
        name = self.unique('Pad')
        for s in self.sides:
            layout = self.layout_of(s, x)
            rows = [[0, 0], [top, bottom], [left, right], [0, 0]] if layout == 'NHWC' else \
                   [[0, 0], [0, 0], [top, bottom], [left, right]]
            s.const(name + '/paddings', np.array(rows, np.int32))
            if value is None:
                s.node(name, 'Pad', [x.ref, name + '/paddings'])
            else:
                s.const(name + '/constant_values', np.float32(value))
                s.node(name, 'PadV2', [x.ref, name + '/paddings', name + '/constant_values'])
        h, w, c = x.shape
        return Val(name, (h + top + bottom, w + left + right, c), x.layout)

    def _out_size(self, size, k, stride, dil, padding):
        reach = (k - 1) * dil + 1
        out = -(-size // stride) if padding == 'SAME' else (size - reach + stride) // stride
        if out < 1 or (padding != 'SAME' and size < reach):
            raise Reject('image too small')
        return out

    def conv(self, x, cout, k=3, stride=1, padding='SAME', dil=1, groups=1, form='native', label='Conv2D'):
        """Conv2D.  k is an int or (kh, kw).  form 'batch' writes the dilation as SpaceToBatchND."""
        kh, kw = (k, k) if isinstance(k, int) else k
        cin = x.channels
        if cin % groups or cout % groups:
            raise Reject('groups')
        fan_in = kh * kw * cin // groups
        w = self.weight('weights' if self.era.read == 'ref' else 'kernel',
                        self.normal((kh, kw, cin // groups, cout), np.sqrt(2.0 / fan_in)))
        return self._filtered(x, 'Conv2D', label, w, cout, kh, kw, stride, padding, dil, form)

    def depthwise(self, x, mult=1, k=3, stride=1, padding='SAME', dil=1, form='native'):
        kh, kw = (k, k) if isinstance(k, int) else k
        w = self.weight('depthwise_weights', self.normal((kh, kw, x.channels, mult), np.sqrt(2.0 / (kh * kw))))
        return self._filtered(x, 'DepthwiseConv2dNative', 'depthwise', w, x.channels * mult, kh, kw, stride, padding,
                              dil, form)

    def _filtered(self, x, op, label, w, cout, kh, kw, stride, padding, dil, form):
        if padding == 'FIXED':                       # pads that do not depend on the size, then VALID
            reach_h, reach_w = (kh - 1) * dil, (kw - 1) * dil
            x = self.pad(x, reach_h // 2, reach_h - reach_h // 2, reach_w // 2, reach_w - reach_w // 2)
            padding = 'VALID'
        if form == 'batch' and dil > 1 and stride == 1:
            return self._dilated_by_batch(x, op, label, w, cout, kh, kw, padding, dil)
        explicit = []
        if padding == 'EXPLICIT':
            explicit = [self.between(0, kh - 1), self.between(0, kh - 1), self.between(0, kw - 1),
                        self.between(0, kw - 1)]
        top, bottom, left, right = explicit or (0, 0, 0, 0)
        h = self._out_size(x.shape[0] + top + bottom, kh, stride, dil, padding)
        wd = self._out_size(x.shape[1] + left + right, kw, stride, dil, padding)
        name = self.unique(label)
        for s in self.sides:
            layout = self.layout_of(s, x)
            pads = []
            if explicit:
                pads = [0, 0] + explicit + [0, 0] if layout == 'NHWC' else [0, 0, 0, 0] + explicit
            s.node(name, op, [x.ref, w], strides=spread(layout, stride, stride), padding=padding, data_format=layout,
                   dilations=spread(layout, dil, dil), explicit_paddings=pads)
        return Val(name, (h, wd, cout), x.layout)

    def _dilated_by_batch(self, x, op, label, w, cout, kh, kw, padding, dil):
        """What tf.nn.convolution writes for a dilated convolution of known size."""
        pads, crops, out = [], [], []
        for size, k in zip(x.shape[:2], (kh, kw)):
            before, after = same_pad(size, k, 1, dil) if padding == 'SAME' else (0, 0)
            extra = -(size + before + after) % dil
            pads.append([before, after + extra])
            crops.append([0, extra])
            out.append(size + before + after - (k - 1) * dil)
        if min(out) < 1:
            raise Reject('image too small')
        into, name, back = self.unique('SpaceToBatchND'), self.unique(label), self.unique('BatchToSpaceND')
        for s in self.sides:
            layout = self.layout_of(s, x)
            block, p, c = [dil, dil], pads, crops
            if layout == 'NCHW':
                block, p, c = [1] + block, [[0, 0]] + p, [[0, 0]] + c
            s.const(into + '/block_shape', np.array(block, np.int32))
            s.const(into + '/paddings', np.array(p, np.int32))
            s.node(into, 'SpaceToBatchND', [x.ref, into + '/block_shape', into + '/paddings'])
            s.node(name, op, [into, w], strides=[1, 1, 1, 1], padding='VALID', data_format=layout,
                   dilations=[1, 1, 1, 1])
            s.const(back + '/block_shape', np.array(block, np.int32))
            s.const(back + '/crops', np.array(c, np.int32))
            s.node(back, 'BatchToSpaceND', [name, back + '/block_shape', back + '/crops'])
        return Val(back, (out[0], out[1], cout), x.layout)

    def deconv(self, x, cout, k=3, stride=2, padding='SAME', size=None, sizes='const'):
        """Conv2DBackpropInput.  sizes: const [-1,h,w,c] | hw [h,w] | batch (N from Shape) | chain (all from Shape)."""
        h, w, cin = x.shape
        grow = max(k - stride, 0) if padding == 'VALID' else 0
        oh, ow = size or (h * stride + grow, w * stride + grow)
        for got, data in ((oh, h), (ow, w)):
            if self._out_size(got, k, stride, 1, padding) != data:
                raise Reject('transposed size')
        std = np.sqrt(2.0 / max(1.0, k * k * cin / float(stride * stride)))
        wt = self.weight('kernel', self.normal((k, k, cout, cin), std))
        with self.scope('conv2d_transpose'):
            name = self.unique('conv2d_transpose')
            for s in self.sides:
                layout = self.layout_of(s, x)
                how = sizes if s is self.want else 'const'
                shape_ref = self._output_sizes(s, name, x, layout, how, (oh, ow, cout), stride)
                s.node(name, 'Conv2DBackpropInput', [shape_ref, wt, x.ref], strides=spread(layout, stride, stride),
                       padding=padding, data_format=layout)
        return Val(name, (oh, ow, cout), x.layout)

    def _output_sizes(self, s, name, x, layout, how, out, stride):
        oh, ow, cout = out
        if how == 'const':
            return s.const(name + '/output_shape', np.array(spread(layout, oh, ow, -1, cout), np.int32))
        if how == 'hw':
            return s.const(name + '/output_shape', np.array([oh, ow], np.int32))
        s.node(name + '/Shape', 'Shape', [x.ref])
        batch = self._element(s, name + '/strided_slice', name + '/Shape', 0)
        if how == 'batch':
            dims = {'h': s.const(name + '/stack/1', np.int32(oh)), 'w': s.const(name + '/stack/2', np.int32(ow))}
        else:
            dims = {}
            for which, want_size in (('h', oh), ('w', ow)):
                at = self._element(s, f'{name}/strided_slice_{which}', name + '/Shape',
                                   self.axis(s, x, which))
                s.const(f'{name}/mul_{which}/y', np.int32(stride))
                dims[which] = s.node(f'{name}/mul_{which}', 'Mul', [at, f'{name}/mul_{which}/y'], T='int32')
                rest = want_size - x.shape['hw'.index(which)] * stride
                if rest:
                    s.const(f'{name}/add_{which}/y', np.int32(rest))
                    dims[which] = s.node(f'{name}/add_{which}', self.era.add, [dims[which], f'{name}/add_{which}/y'],
                                         T='int32')
        channels = s.const(name + '/stack/3', np.int32(cout))
        return s.node(name + '/stack', 'Pack', spread(layout, dims['h'], dims['w'], batch, channels), N=4, T='int32')

    def _element(self, s, name, vector, i):
        for part, v in (('stack', i), ('stack_1', i + 1), ('stack_2', 1)):
            s.const(f'{name}/{part}', np.array([v], np.int32))
        return s.node(name, 'StridedSlice', [vector] + [f'{name}/{p}' for p in ('stack', 'stack_1', 'stack_2')],
                      T='int32', shrink_axis_mask=1)

    def pool(self, x, kind='max', k=2, stride=2, padding='SAME'):
        kh, kw = (k, k) if isinstance(k, int) else k
        h = self._out_size(x.shape[0], kh, stride, 1, padding)
        w = self._out_size(x.shape[1], kw, stride, 1, padding)
        op = 'MaxPool' if kind == 'max' else 'AvgPool'
        name = self.unique(op)
        for s in self.sides:
            layout = self.layout_of(s, x)
            s.node(name, op, [x.ref], ksize=spread(layout, kh, kw), strides=spread(layout, stride, stride),
                   padding=padding, data_format=layout)
        return Val(name, (h, w, x.channels), x.layout)

    # ---- bias, batch norm, activations

    def bias(self, x, kind=None):
        """kind: BiasAdd | add (a broadcast Add) | scalar."""
        c = x.channels
        kind = kind or self.pick('BiasAdd', 'BiasAdd', 'add')
        if kind == 'scalar':
            return self.binary(self.add_op(), x, self.const('bias', np.float32(self.rng.uniform(-.2, .2))), 'add')
        b = self.normal(c, 0.1)
        if kind == 'add':
            return self.binary(self.add_op(), x, self.vector('biases', b, x), 'add', swap=self.chance(.2))
        ref = self.weight('biases' if self.era.read == 'ref' else 'bias', b)
        if self.era.keras3 and c > 1:
            ref = self._through_reshape(ref, x, c)
        name = self.unique('BiasAdd')
        for s in self.sides:
            s.node(name, 'BiasAdd', [x.ref, ref], data_format=self.layout_of(s, x) or 'NHWC')
        return Val(name, x.shape, x.layout)

    def _through_reshape(self, ref, x, c):
        """Keras 3: bias -> Reshape [1,1,1,C] -> Squeeze -> BiasAdd."""
        shape, squeeze = self.unique('Reshape'), self.unique('Squeeze')
        for s in self.sides:
            s.const(shape + '/shape', np.array(spread(self.layout_of(s, x), 1, 1, 1, c), np.int32))
            s.node(shape, 'Reshape', [ref, shape + '/shape'])
            s.node(squeeze, 'Squeeze', [shape])
        return squeeze

    def bn(self, x, form=None):
        """form: fused | training | nn (tf.nn.batch_normalization) | centred | divided | affine."""
        form = form or self.pick('fused', 'fused', 'fused', 'nn', 'affine')
        if self.era.keras3 and form == 'fused':
            form = 'nn'
        with self.scope(self.pick('BatchNorm', 'batch_normalization', 'bn')):
            if form in ('fused', 'training'):
                return self._bn_fused(x, form == 'training')
            return self._bn_written_out(x, form)

    def _bn_values(self, c):
        gamma, beta = self.uniform(c, 0.7, 1.3), self.normal(c, 0.1)
        mean, variance = self.normal(c, 0.2), self.uniform(c, 0.5, 1.5)
        return gamma, beta, mean, variance

    def _bn_fused(self, x, training):
        if training and x.shape[0] * x.shape[1] < 16:
            raise Reject('batch statistics of too few pixels')
        gamma, beta, mean, variance = self._bn_values(x.channels)
        refs = [self.weight('gamma', gamma), self.weight('beta', beta)]
        if training:
            refs += [self.const('Const', np.zeros(0, np.float32)), self.const('Const', np.zeros(0, np.float32))]
        else:
            refs += [self.weight('moving_mean', mean), self.weight('moving_variance', variance)]
        eps = self.pick(1e-3, 1.001e-5, 1e-4, 1e-3)
        name = self.unique(self.era.bn_op)
        for s in self.sides:
            s.node(name, s.era.bn_op, [x.ref] + refs, epsilon=eps, is_training=training,
                   data_format=self.layout_of(s, x))
        return Val(name, x.shape, x.layout)

    def _bn_written_out(self, x, form):
        gamma, beta, mean, variance = self._bn_values(x.channels)
        if form == 'affine':                                       # what constant folding leaves
            x = self.binary('Mul', x, self.vector('scale', gamma, x), 'mul', swap=self.chance(.3))
            return self.binary(self.add_op(), x, self.vector('offset', beta, x), 'add', swap=self.chance(.3))
        with_gamma = self.chance(.8)
        g, b = self._parameter('gamma', gamma, x), self._parameter('beta', beta, x)
        m, v = self._parameter('moving_mean', mean, x), self._parameter('moving_variance', variance, x)
        eps = self.const('add/y', np.float32(1e-3))
        c_shape = (x.channels,)
        inv = self.apply(self.add_op(), 'batchnorm/add', [v, eps], c_shape)
        if form == 'divided':
            inv = self.apply('Sqrt', 'batchnorm/Sqrt', [inv.ref], c_shape)
            y = self.binary('RealDiv', self.binary('Sub', x, m, 'sub'), inv.ref, 'truediv')
            y = self.binary('Mul', y, g, 'mul') if with_gamma else y
            return self.binary(self.add_op(), y, b, 'add_1')
        inv = self.apply('Rsqrt', 'batchnorm/Rsqrt', [inv.ref], c_shape)
        if with_gamma:
            inv = self.apply('Mul', 'batchnorm/mul', [inv.ref, g], c_shape)
        if form == 'centred':
            y = self.binary('Mul', self.binary('Sub', x, m, 'sub'), inv.ref, 'mul')
            return self.binary(self.add_op(), y, b, 'add_1')
        y = self.binary('Mul', x, inv.ref, 'batchnorm/mul_1')
        shift = self.apply('Mul', 'batchnorm/mul_2', [m, inv.ref], c_shape)
        shift = self.apply('Sub', 'batchnorm/sub', [b, shift.ref], c_shape)
        return self.binary(self.add_op(), y, shift.ref, 'batchnorm/add_1')

    def _parameter(self, label, values, x):
        """A batch norm parameter that broadcasts: Keras reshapes by a node, others store it shaped."""
        c = values.shape[0]
        if x.layout == 'NHWC' and not self.era.keras3:
            return self.weight(label, values)
        if not self.era.keras3 and self.chance(.5):
            return self.weight(label, values.reshape(1, c, 1, 1), values.reshape(1, 1, 1, c))
        ref, name = self.weight(label, values), self.unique('Reshape')
        for s in self.sides:
            s.const(name + '/shape', np.array(spread(self.layout_of(s, x), 1, 1, 1, c), np.int32))
            s.node(name, 'Reshape', [ref, name + '/shape'])
        return name

    def scalar(self, value, label='Const'):
        return self.const(label, np.float32(value))

    def act(self, x, kind=None):
        kind = kind or self.pick('Relu', 'Relu', 'Relu', 'Relu6', 'LeakyRelu', 'Elu', 'swish')
        if kind == 'LeakyRelu':
            if self.era.attrs == 'old' or self.chance(.3):       # before the op existed
                a = self.scalar(self.pick(.1, .2, .3), 'LeakyRelu/alpha')
                m = self.binary('Mul', x, a, 'LeakyRelu/mul', swap=self.chance(.5))
                return self.binary('Maximum', x, m.ref, 'LeakyRelu/Maximum', swap=self.chance(.5))
            return self.unary('LeakyRelu', x, alpha=self.pick(0.2, 0.1, 0.3))
        if kind == 'swish':
            return self.binary('Mul', x, self.unary('Sigmoid', x).ref, 'mul', swap=self.chance(.3))
        if kind == 'hard_swish':
            r = self.unary('Relu6', self.binary(self.add_op(), x, self.scalar(3.0), 'add'))
            r = self.binary('Mul', r, self.scalar(1 / 6.0), 'mul')
            return self.binary('Mul', x, r.ref, 'mul')
        if kind == 'prelu':
            alpha = self.vector('alpha', self.uniform(x.channels, -0.35, -0.05), x)
            neg = self.unary('Relu', self.unary('Neg', x))
            neg = self.binary('Mul', neg, alpha, 'mul', swap=True)
            return self.binary(self.add_op(), self.unary('Relu', x), neg.ref, 'add')
        if kind == 'mish':
            t = self.unary('Tanh', self.unary('Softplus', x))
            return self.binary('Mul', x, t.ref, 'mul')
        if kind == 'clip':
            y = self.binary('Minimum', x, self.scalar(self.pick(1.0, 6.0)), 'clip_by_value/Minimum')
            return self.binary('Maximum', y, self.scalar(self.pick(0.0, -1.0)), 'clip_by_value')
        return self.unary(kind, x)

    # ---- joining, reducing, reshaping

    def concat(self, xs):
        """Along channels."""
        xs = [self.to_layout(v, xs[0].layout) for v in xs]
        first = self.era.name == 'tf1.4' and self.chance(.3)
        negative = self.chance(.3)
        name = self.unique('concat')
        refs = [v.ref for v in xs]
        for s in self.sides:
            axis = self.axis(s, xs[0], 'c')
            axis = axis - 4 if negative else axis
            at = s.const(name + '/axis', np.int32(axis))
            if first and s is self.want:
                s.node(name, 'Concat', [at] + refs, N=len(refs))
            else:
                s.node(name, 'ConcatV2', refs + [at], N=len(refs))
        h, w, _ = xs[0].shape
        return Val(name, (h, w, sum(v.channels for v in xs)), xs[0].layout)

    def reduce(self, x, op, which, keep):
        """Reduce an image over logical axes ('hw', 'c', ...)."""
        name = self.unique(op)
        negative = self.chance(.2)
        for s in self.sides:
            axes = sorted(self.axis(s, x, a) for a in which)
            axes = [a - 4 for a in axes] if negative else axes
            value = axes[0] if len(axes) == 1 and not negative else axes
            s.const(name + '/reduction_indices', np.array(value, np.int32))
            s.node(name, op, [x.ref, name + '/reduction_indices'], keep_dims=keep)
        left = tuple(1 if a in which else d for a, d in zip('hwc', x.shape))
        if keep:
            return Val(name, left, x.layout)
        physical = 'hwc' if x.layout == 'NHWC' else 'chw'
        order = [a for a in physical if a not in which]
        twin_order = [a for a in 'hwc' if a not in which]
        dims = dict(zip('hwc', x.shape))
        y = Val(name, [dims[a] for a in order])
        if order == twin_order:
            return y
        perm = [0] + [1 + twin_order.index(a) for a in order]
        return self._twin_transpose(y, perm, y.shape, None)

    def global_pool(self, x, keep=False, form=None):
        form = form or self.pick('mean', 'mean', 'pool')
        if form == 'pool':
            y = self.pool(x, 'avg', x.shape[:2], 1, 'VALID')
            return y if keep else self.squeeze(y)
        return self.reduce(x, 'Mean', 'hw', keep)

    def squeeze(self, x):
        """[N,1,1,C] or [N,C,1,1] to [N,C]."""
        assert x.shape[:2] == (1, 1)
        name = self.unique('Squeeze')
        for s in self.sides:
            dims = sorted((self.axis(s, x, 'h'), self.axis(s, x, 'w')))
            s.node(name, 'Squeeze', [x.ref], squeeze_dims=dims)
        return Val(name, (x.channels,))

    def reshape(self, x, shape, form='const'):
        """Reshape all but the batch.  form: const [-1,...] | batch (Pack of Shape[0] and constants)."""
        x = self.as_raw(x)
        name = self.unique('Reshape')
        for s in self.sides:
            if form == 'const' or s is self.twin:
                s.const(name + '/shape', np.array([-1] + list(shape), np.int32))
            else:
                s.node(name + '/Shape', 'Shape', [x.ref])
                parts = [self._element(s, name + '/strided_slice', name + '/Shape', 0)]
                for i, d in enumerate(shape):
                    parts.append(s.const(f'{name}/shape/{i + 1}', np.int32(d)))
                s.node(name + '/shape', 'Pack', parts, N=len(parts), T='int32')
            s.node(name, 'Reshape', [x.ref, name + '/shape'])
        return Val(name, shape)

    def flatten(self, x, form=None):
        """form: const [-1,K] | keras (Pack of batch and -1) | prod (Keras 1) | slim."""
        x = self.as_raw(x)
        form = form or self.pick('const', 'keras', 'prod', 'slim')
        label = self.pick('flatten', 'Flatten')
        with self.scope(label):
            name = self.unique('Reshape')
            self.twin.const(name + '/shape', np.array([-1, x.size], np.int32))
            self.twin.node(name, 'Reshape', [x.ref, name + '/shape'])
            self.want.node(name, 'Reshape', [x.ref, self._flat_shape(x, name, form)])
        return Val(name, (x.size,))

    def _flat_shape(self, x, name, form):
        s = self.want
        if form == 'const':
            return s.const(name + '/shape', np.array([-1, x.size], np.int32))
        shape = s.node(self.unique('Shape'), 'Shape', [x.ref])
        if form == 'keras':
            batch = self._element(s, self.unique('strided_slice'), shape, 0)
            rest = s.const(name + '/shape/1', np.int32(self.pick(-1, x.size)))
            return s.node(name + '/shape', 'Pack', [batch, rest], N=2, T='int32')
        cut = self.unique('strided_slice')
        for part, v in (('stack', 1), ('stack_1', 0), ('stack_2', 1)):
            s.const(f'{cut}/{part}', np.array([v], np.int32))
        s.node(cut, 'StridedSlice', [shape] + [f'{cut}/{p}' for p in ('stack', 'stack_1', 'stack_2')], T='int32',
               end_mask=1)
        axis = s.const(self.unique('Const'), np.array([0], np.int32))
        prod = s.node(self.unique('Prod'), 'Prod', [cut, axis], T='int32', keep_dims=False)
        if form == 'prod':
            minus = s.const(name + '/stack/0', np.int32(-1))
            return s.node(name + '/stack', 'Pack', [minus, prod], N=2, T='int32')
        head = self.unique('Slice')
        s.const(head + '/begin', np.array([0], np.int32))
        s.const(head + '/size', np.array([1], np.int32))
        s.node(head, 'Slice', [shape, head + '/begin', head + '/size'], T='int32')
        dim = s.const(self.unique('ExpandDims/dim'), np.int32(0))
        tail = s.node(self.unique('ExpandDims'), 'ExpandDims', [prod, dim], T='int32')
        at = s.const(self.unique('concat/axis'), np.int32(0))
        return s.node(self.unique('concat'), 'ConcatV2', [head, tail, at], N=2, T='int32')

    def dense(self, x, units, form=None, bias=True, relu_gain=True):
        """form: plain x*W | transposed x*W' with transpose_b | left (W * x' then a Transpose)."""
        k = x.shape[0]
        assert len(x.shape) == 1
        form = form or self.pick('plain', 'plain', 'transposed')
        w = self.normal((k, units), np.sqrt((2.0 if relu_gain else 1.0) / k))
        with self.scope('dense'):
            if form == 'plain':
                y = self.apply('MatMul', 'MatMul', [x.ref, self.weight('kernel', w)], (units,), transpose_a=False,
                               transpose_b=False)
            elif form == 'transposed':
                y = self.apply('MatMul', 'MatMul', [x.ref, self.weight('kernel', w.T.copy())], (units,),
                               transpose_a=False, transpose_b=True)
            else:
                y = self.apply('MatMul', 'MatMul', [self.weight('kernel', w), x.ref], (units,), transpose_a=True,
                               transpose_b=True)
                y = self.apply('Transpose', 'transpose', [y.ref, self.ints('transpose/perm', [1, 0])], (units,))
            if bias:
                ref = self.weight('bias', self.normal(units, 0.1))
                y = self.apply(self.pick('BiasAdd', self.add_op()), 'BiasAdd', [y.ref, ref], (units,))
        return y

    def softmax(self, x):
        return self.apply('Softmax', 'Softmax', [x.ref], x.shape, x.layout)
