/* op_list.c - see op_list.h. */
#include "op_list.h"

#include "floe.h"

#include <stdio.h>
#include <string.h>

/* Between blanks. The last line is what dropout in all its forms is written with. */
static const char promised[] =
    " Placeholder PlaceholderWithDefault Const Identity NoOp"
    " Add AddV2 AddN Sub Mul Div RealDiv Minimum Maximum Pow SquaredDifference BiasAdd"
    " Neg Abs Sqrt Rsqrt Square Exp Log"
    " Relu Relu6 LeakyRelu Elu Selu Sigmoid Tanh Softplus Softsign Softmax"
    " FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3"
    " Conv2D DepthwiseConv2dNative Conv2DBackpropInput MatMul MaxPool AvgPool"
    " Mean Sum Max Min Prod"
    " ConcatV2 Reshape Transpose Squeeze ExpandDims Pad PadV2 Shape StridedSlice Pack Fill Cast"
    " RandomUniform StatelessRandomUniformV2 StatelessRandomGetKeyCounter GreaterEqual Floor SelectV2 ";

bool op_list_has(const char *op)
{
    char word[128];
    snprintf(word, sizeof word, " %.120s ", op);
    return strstr(promised, word) != NULL;
}

bool op_list_missing(const char *path, char *text, size_t size)
{
    floe_file_info *info = NULL;
    floe_error err = {0};
    size_t at = 0;
    text[0] = 0;
    if (floe_file_inspect(&info, NULL, path, &err) != FLOE_OK) {
        snprintf(text, size, "%s", err.message);
        return false;
    }
    for (size_t i = 0; i < info->n_ops && at < size; i++)
        if (!op_list_has(info->ops[i].op))
            at += (size_t)snprintf(text + at, size - at, "%s%s", at ? ", " : "", info->ops[i].op);
    floe_file_info_free(info);
    return true;
}
