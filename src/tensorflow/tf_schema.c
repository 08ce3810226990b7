/* tf_schema.c - TensorFlow's messages as tables for the text-format reader.
 *
 * Field numbers and names are those of TensorFlow 2.21; fields of older versions keep their numbers there. A text file
 * with a field that is not in these tables is refused, as TensorFlow refuses it. Everything that can stand in a
 * GraphDef, a MetaGraphDef, a SavedModel or a checkpoint state is listed, also what floe has no use for: the transcoded
 * message must be whole. Maps are messages with the fields key and value, which is what they are on the wire.
 */
#include "tf_schema.h"

#define COUNT(a)                    (sizeof(a) / sizeof((a)[0]))
#define TABLE(name, fields)         {name, fields, COUNT(fields)}
#define SCALAR(number, name, type)  {#name, number, FL_PBTEXT_##type, NULL, NULL}
#define ENUM(number, name, names)   {#name, number, FL_PBTEXT_ENUM, NULL, names}
#define MESSAGE(number, name, type) {#name, number, FL_PBTEXT_MESSAGE, type, NULL}

/* ---- enums */

#define DTYPE(number, name) {"DT_" #name, number}, {"DT_" #name "_REF", 100 + (number)}
static const fl_pbtext_enum dtype_names[] = {
    {"DT_INVALID", 0},
    DTYPE(1, FLOAT), DTYPE(2, DOUBLE), DTYPE(3, INT32), DTYPE(4, UINT8), DTYPE(5, INT16), DTYPE(6, INT8),
    DTYPE(7, STRING), DTYPE(8, COMPLEX64), DTYPE(9, INT64), DTYPE(10, BOOL), DTYPE(11, QINT8), DTYPE(12, QUINT8),
    DTYPE(13, QINT32), DTYPE(14, BFLOAT16), DTYPE(15, QINT16), DTYPE(16, QUINT16), DTYPE(17, UINT16),
    DTYPE(18, COMPLEX128), DTYPE(19, HALF), DTYPE(20, RESOURCE), DTYPE(21, VARIANT), DTYPE(22, UINT32),
    DTYPE(23, UINT64), DTYPE(24, FLOAT8_E5M2), DTYPE(25, FLOAT8_E4M3FN), DTYPE(26, FLOAT8_E4M3FNUZ),
    DTYPE(27, FLOAT8_E4M3B11FNUZ), DTYPE(28, FLOAT8_E5M2FNUZ), DTYPE(29, INT4), DTYPE(30, UINT4), DTYPE(31, INT2),
    DTYPE(32, UINT2), DTYPE(33, FLOAT4_E2M1FN),
    {NULL, 0},
};

static const fl_pbtext_enum full_type_names[] = {
    {"TFT_UNSET", 0}, {"TFT_VAR", 1}, {"TFT_ANY", 2}, {"TFT_PRODUCT", 3}, {"TFT_NAMED", 4}, {"TFT_FOR_EACH", 20},
    {"TFT_CALLABLE", 100}, {"TFT_BOOL", 200}, {"TFT_UINT8", 201}, {"TFT_UINT16", 202}, {"TFT_UINT32", 203},
    {"TFT_UINT64", 204}, {"TFT_INT8", 205}, {"TFT_INT16", 206}, {"TFT_INT32", 207}, {"TFT_INT64", 208},
    {"TFT_HALF", 209}, {"TFT_FLOAT", 210}, {"TFT_DOUBLE", 211}, {"TFT_COMPLEX64", 212}, {"TFT_COMPLEX128", 213},
    {"TFT_STRING", 214}, {"TFT_BFLOAT16", 215}, {"TFT_TENSOR", 1000}, {"TFT_ARRAY", 1001}, {"TFT_OPTIONAL", 1002},
    {"TFT_LITERAL", 1003}, {"TFT_ENCODED", 1004}, {"TFT_SHAPE_TENSOR", 1005}, {"TFT_DATASET", 10102},
    {"TFT_RAGGED", 10103}, {"TFT_ITERATOR", 10104}, {"TFT_MUTEX_LOCK", 10202}, {"TFT_LEGACY_VARIANT", 10203}, {NULL, 0},
};

static const fl_pbtext_enum type_spec_names[] = {
    {"UNKNOWN", 0}, {"SPARSE_TENSOR_SPEC", 1}, {"INDEXED_SLICES_SPEC", 2}, {"RAGGED_TENSOR_SPEC", 3},
    {"TENSOR_ARRAY_SPEC", 4}, {"DATA_DATASET_SPEC", 5}, {"DATA_ITERATOR_SPEC", 6}, {"OPTIONAL_SPEC", 7},
    {"PER_REPLICA_SPEC", 8}, {"VARIABLE_SPEC", 9}, {"ROW_PARTITION_SPEC", 10}, {"REGISTERED_TYPE_SPEC", 12},
    {"EXTENSION_TYPE_SPEC", 13}, {NULL, 0},
};

static const fl_pbtext_enum saver_version_names[] = {
    {"LEGACY", 0}, {"V1", 1}, {"V2", 2}, {NULL, 0},
};

static const fl_pbtext_enum synchronization_names[] = {
    {"VARIABLE_SYNCHRONIZATION_AUTO", 0}, {"VARIABLE_SYNCHRONIZATION_NONE", 1},
    {"VARIABLE_SYNCHRONIZATION_ON_WRITE", 2}, {"VARIABLE_SYNCHRONIZATION_ON_READ", 3}, {NULL, 0},
};

static const fl_pbtext_enum aggregation_names[] = {
    {"VARIABLE_AGGREGATION_NONE", 0}, {"VARIABLE_AGGREGATION_SUM", 1}, {"VARIABLE_AGGREGATION_MEAN", 2},
    {"VARIABLE_AGGREGATION_ONLY_FIRST_REPLICA", 3}, {NULL, 0},
};

static const fl_pbtext_enum jit_names[] = {
    {"DEFAULT", 0}, {"ON", 1}, {"OFF", 2}, {NULL, 0},
};

/* ---- messages: declared first, because some hold themselves */

static const fl_pbtext_message version_def, dim, tensor_shape, handle_data, resource_handle, variant_data, tensor,
    list_value, attr_value, attr_entry, name_attr_list, full_type, node_debug, node_def, arg_def, attr_def,
    op_deprecation, op_def, op_list, text_entry, arg_attrs, arg_attrs_entry, arg_id_entry, function_def,
    gradient_def, registered_gradient, function_library, file_line, stack_trace, stack_trace_entry, frame_entry,
    trace_by_id_entry, name_trace_entry, debug_info, saver_def, any, meta_info, node_list, bytes_list, int64_list,
    float_list, any_list, collection_def, collection_entry, coo_sparse, composite_tensor, tensor_info,
    tensor_info_entry, tensor_entry, signature_def, signature_entry, asset_file, none_value, list_of_values,
    dict_entry, dict_of_values, named_pair, named_tuple, tensor_spec, bounded_tensor_spec, type_spec,
    structured_value, object_reference, slot_variable, user_object, saved_asset, function_spec, saved_function,
    saved_variable, bare_function, saved_constant, saved_resource, captured_tensor, saveable_object, saveable_entry,
    saved_object, concrete_function, concrete_entry, saved_object_graph;

static const fl_pbtext_field version_def_fields[] = {
    SCALAR(1, producer, INT32),
    SCALAR(2, min_consumer, INT32),
    SCALAR(3, bad_consumers, INT32),
};
static const fl_pbtext_message version_def = TABLE("VersionDef", version_def_fields);

static const fl_pbtext_field dim_fields[] = {
    SCALAR(1, size, INT64),
    SCALAR(2, name, STRING),
};
static const fl_pbtext_message dim = TABLE("Dim", dim_fields);

static const fl_pbtext_field tensor_shape_fields[] = {
    MESSAGE(2, dim, &dim),
    SCALAR(3, unknown_rank, BOOL),
};
static const fl_pbtext_message tensor_shape = TABLE("TensorShape", tensor_shape_fields);

static const fl_pbtext_field handle_data_fields[] = {
    ENUM(1, dtype, dtype_names),
    MESSAGE(2, shape, &tensor_shape),
};
static const fl_pbtext_message handle_data = TABLE("HandleData", handle_data_fields);

static const fl_pbtext_field resource_handle_fields[] = {
    SCALAR(1, device, STRING),
    SCALAR(2, container, STRING),
    SCALAR(3, name, STRING),
    SCALAR(4, hash_code, UINT64),
    SCALAR(5, maybe_type_name, STRING),
    MESSAGE(6, dtypes_and_shapes, &handle_data),
};
static const fl_pbtext_message resource_handle = TABLE("ResourceHandle", resource_handle_fields);

static const fl_pbtext_field variant_data_fields[] = {
    SCALAR(1, type_name, STRING),
    SCALAR(2, metadata, STRING),
    MESSAGE(3, tensors, &tensor),
};
static const fl_pbtext_message variant_data = TABLE("VariantData", variant_data_fields);

static const fl_pbtext_field tensor_fields[] = {
    ENUM(1, dtype, dtype_names),
    MESSAGE(2, tensor_shape, &tensor_shape),
    SCALAR(3, version_number, INT32),
    SCALAR(4, tensor_content, STRING),
    SCALAR(5, float_val, FLOAT),
    SCALAR(6, double_val, DOUBLE),
    SCALAR(7, int_val, INT32),
    SCALAR(8, string_val, STRING),
    SCALAR(9, scomplex_val, FLOAT),
    SCALAR(10, int64_val, INT64),
    SCALAR(11, bool_val, BOOL),
    SCALAR(12, dcomplex_val, DOUBLE),
    SCALAR(13, half_val, INT32),
    MESSAGE(14, resource_handle_val, &resource_handle),
    MESSAGE(15, variant_val, &variant_data),
    SCALAR(16, uint32_val, UINT32),
    SCALAR(17, uint64_val, UINT64),
    SCALAR(18, float8_val, STRING),
};
static const fl_pbtext_message tensor = TABLE("Tensor", tensor_fields);

static const fl_pbtext_field list_value_fields[] = {
    SCALAR(2, s, STRING),
    SCALAR(3, i, INT64),
    SCALAR(4, f, FLOAT),
    SCALAR(5, b, BOOL),
    ENUM(6, type, dtype_names),
    MESSAGE(7, shape, &tensor_shape),
    MESSAGE(8, tensor, &tensor),
    MESSAGE(9, func, &name_attr_list),
};
static const fl_pbtext_message list_value = TABLE("ListValue", list_value_fields);

static const fl_pbtext_field attr_value_fields[] = {
    MESSAGE(1, list, &list_value),
    SCALAR(2, s, STRING),
    SCALAR(3, i, INT64),
    SCALAR(4, f, FLOAT),
    SCALAR(5, b, BOOL),
    ENUM(6, type, dtype_names),
    MESSAGE(7, shape, &tensor_shape),
    MESSAGE(8, tensor, &tensor),
    SCALAR(9, placeholder, STRING),
    MESSAGE(10, func, &name_attr_list),
};
static const fl_pbtext_message attr_value = TABLE("AttrValue", attr_value_fields);

static const fl_pbtext_field attr_entry_fields[] = {
    SCALAR(1, key, STRING),
    MESSAGE(2, value, &attr_value),
};
static const fl_pbtext_message attr_entry = TABLE("AttrEntry", attr_entry_fields);

static const fl_pbtext_field name_attr_list_fields[] = {
    SCALAR(1, name, STRING),
    MESSAGE(2, attr, &attr_entry),
};
static const fl_pbtext_message name_attr_list = TABLE("NameAttrList", name_attr_list_fields);

static const fl_pbtext_field full_type_fields[] = {
    ENUM(1, type_id, full_type_names),
    MESSAGE(2, args, &full_type),
    SCALAR(3, s, STRING),
    SCALAR(4, i, INT64),
};
static const fl_pbtext_message full_type = TABLE("FullType", full_type_fields);

static const fl_pbtext_field node_debug_fields[] = {
    SCALAR(1, original_node_names, STRING),
    SCALAR(2, original_func_names, STRING),
};
static const fl_pbtext_message node_debug = TABLE("NodeDebug", node_debug_fields);

static const fl_pbtext_field node_def_fields[] = {
    SCALAR(1, name, STRING),
    SCALAR(2, op, STRING),
    SCALAR(3, input, STRING),
    SCALAR(4, device, STRING),
    MESSAGE(5, attr, &attr_entry),
    MESSAGE(6, experimental_debug_info, &node_debug),
    MESSAGE(7, experimental_type, &full_type),
};
static const fl_pbtext_message node_def = TABLE("NodeDef", node_def_fields);

static const fl_pbtext_field arg_def_fields[] = {
    SCALAR(1, name, STRING),
    SCALAR(2, description, STRING),
    ENUM(3, type, dtype_names),
    SCALAR(4, type_attr, STRING),
    SCALAR(5, number_attr, STRING),
    SCALAR(6, type_list_attr, STRING),
    MESSAGE(7, handle_data, &handle_data),
    SCALAR(16, is_ref, BOOL),
    MESSAGE(17, experimental_full_type, &full_type),
};
static const fl_pbtext_message arg_def = TABLE("ArgDef", arg_def_fields);

static const fl_pbtext_field attr_def_fields[] = {
    SCALAR(1, name, STRING),
    SCALAR(2, type, STRING),
    MESSAGE(3, default_value, &attr_value),
    SCALAR(4, description, STRING),
    SCALAR(5, has_minimum, BOOL),
    SCALAR(6, minimum, INT64),
    MESSAGE(7, allowed_values, &attr_value),
};
static const fl_pbtext_message attr_def = TABLE("AttrDef", attr_def_fields);

static const fl_pbtext_field op_deprecation_fields[] = {
    SCALAR(1, version, INT32),
    SCALAR(2, explanation, STRING),
};
static const fl_pbtext_message op_deprecation = TABLE("OpDeprecation", op_deprecation_fields);

static const fl_pbtext_field op_def_fields[] = {
    SCALAR(1, name, STRING),
    MESSAGE(2, input_arg, &arg_def),
    MESSAGE(3, output_arg, &arg_def),
    MESSAGE(4, attr, &attr_def),
    SCALAR(5, summary, STRING),
    SCALAR(6, description, STRING),
    MESSAGE(8, deprecation, &op_deprecation),
    SCALAR(16, is_aggregate, BOOL),
    SCALAR(17, is_stateful, BOOL),
    SCALAR(18, is_commutative, BOOL),
    SCALAR(19, allows_uninitialized_input, BOOL),
    SCALAR(20, control_output, STRING),
    SCALAR(21, is_distributed_communication, BOOL),
};
static const fl_pbtext_message op_def = TABLE("OpDef", op_def_fields);

static const fl_pbtext_field op_list_fields[] = {
    MESSAGE(1, op, &op_def),
};
static const fl_pbtext_message op_list = TABLE("OpList", op_list_fields);

static const fl_pbtext_field text_entry_fields[] = {
    SCALAR(1, key, STRING),
    SCALAR(2, value, STRING),
};
static const fl_pbtext_message text_entry = TABLE("TextEntry", text_entry_fields);

static const fl_pbtext_field arg_attrs_fields[] = {
    MESSAGE(1, attr, &attr_entry),
};
static const fl_pbtext_message arg_attrs = TABLE("ArgAttrs", arg_attrs_fields);

static const fl_pbtext_field arg_attrs_entry_fields[] = {
    SCALAR(1, key, UINT32),
    MESSAGE(2, value, &arg_attrs),
};
static const fl_pbtext_message arg_attrs_entry = TABLE("ArgAttrsEntry", arg_attrs_entry_fields);

static const fl_pbtext_field arg_id_entry_fields[] = {
    SCALAR(1, key, UINT32),
    SCALAR(2, value, UINT32),
};
static const fl_pbtext_message arg_id_entry = TABLE("ArgIdEntry", arg_id_entry_fields);

static const fl_pbtext_field function_def_fields[] = {
    MESSAGE(1, signature, &op_def),
    MESSAGE(3, node_def, &node_def),
    MESSAGE(4, ret, &text_entry),
    MESSAGE(5, attr, &attr_entry),
    MESSAGE(6, control_ret, &text_entry),
    MESSAGE(7, arg_attr, &arg_attrs_entry),
    MESSAGE(8, resource_arg_unique_id, &arg_id_entry),
};
static const fl_pbtext_message function_def = TABLE("FunctionDef", function_def_fields);

static const fl_pbtext_field gradient_def_fields[] = {
    SCALAR(1, function_name, STRING),
    SCALAR(2, gradient_func, STRING),
};
static const fl_pbtext_message gradient_def = TABLE("GradientDef", gradient_def_fields);

static const fl_pbtext_field registered_gradient_fields[] = {
    SCALAR(1, gradient_func, STRING),
    SCALAR(2, registered_op_type, STRING),
};
static const fl_pbtext_message registered_gradient = TABLE("RegisteredGradient", registered_gradient_fields);

static const fl_pbtext_field function_library_fields[] = {
    MESSAGE(1, function, &function_def),
    MESSAGE(2, gradient, &gradient_def),
    MESSAGE(3, registered_gradients, &registered_gradient),
};
static const fl_pbtext_message function_library = TABLE("FunctionLibrary", function_library_fields);

static const fl_pbtext_field file_line_fields[] = {
    SCALAR(1, file_index, INT32),
    SCALAR(2, line, INT32),
    SCALAR(3, col, INT32),
    SCALAR(4, func, STRING),
    SCALAR(5, code, STRING),
};
static const fl_pbtext_message file_line = TABLE("FileLine", file_line_fields);

static const fl_pbtext_field stack_trace_fields[] = {
    MESSAGE(1, file_line_cols, &file_line),
    SCALAR(2, frame_id, FIXED64),
};
static const fl_pbtext_message stack_trace = TABLE("StackTrace", stack_trace_fields);

static const fl_pbtext_field stack_trace_entry_fields[] = {
    SCALAR(1, key, STRING),
    MESSAGE(2, value, &stack_trace),
};
static const fl_pbtext_message stack_trace_entry = TABLE("StackTraceEntry", stack_trace_entry_fields);

static const fl_pbtext_field frame_entry_fields[] = {
    SCALAR(1, key, FIXED64),
    MESSAGE(2, value, &file_line),
};
static const fl_pbtext_message frame_entry = TABLE("FrameEntry", frame_entry_fields);

static const fl_pbtext_field trace_by_id_entry_fields[] = {
    SCALAR(1, key, FIXED64),
    MESSAGE(2, value, &stack_trace),
};
static const fl_pbtext_message trace_by_id_entry = TABLE("TraceByIdEntry", trace_by_id_entry_fields);

static const fl_pbtext_field name_trace_entry_fields[] = {
    SCALAR(1, key, STRING),
    SCALAR(2, value, FIXED64),
};
static const fl_pbtext_message name_trace_entry = TABLE("NameTraceEntry", name_trace_entry_fields);

static const fl_pbtext_field debug_info_fields[] = {
    SCALAR(1, files, STRING),
    MESSAGE(2, traces, &stack_trace_entry),
    MESSAGE(4, frames_by_id, &frame_entry),
    MESSAGE(5, name_to_trace_id, &name_trace_entry),
    MESSAGE(6, traces_by_id, &trace_by_id_entry),
};
static const fl_pbtext_message debug_info = TABLE("DebugInfo", debug_info_fields);

static const fl_pbtext_field graph_def_fields[] = {
    MESSAGE(1, node, &node_def),
    MESSAGE(2, library, &function_library),
    SCALAR(3, version, INT32),
    MESSAGE(4, versions, &version_def),
    MESSAGE(5, debug_info, &debug_info),
};
const fl_pbtext_message fl_tf_schema_graph_def = TABLE("GraphDef", graph_def_fields);

static const fl_pbtext_field saver_def_fields[] = {
    SCALAR(1, filename_tensor_name, STRING),
    SCALAR(2, save_tensor_name, STRING),
    SCALAR(3, restore_op_name, STRING),
    SCALAR(4, max_to_keep, INT32),
    SCALAR(5, sharded, BOOL),
    SCALAR(6, keep_checkpoint_every_n_hours, FLOAT),
    ENUM(7, version, saver_version_names),
};
static const fl_pbtext_message saver_def = TABLE("SaverDef", saver_def_fields);

static const fl_pbtext_field any_fields[] = {
    SCALAR(1, type_url, STRING),
    SCALAR(2, value, STRING),
};
static const fl_pbtext_message any = TABLE("Any", any_fields);

static const fl_pbtext_field meta_info_fields[] = {
    SCALAR(1, meta_graph_version, STRING),
    MESSAGE(2, stripped_op_list, &op_list),
    MESSAGE(3, any_info, &any),
    SCALAR(4, tags, STRING),
    SCALAR(5, tensorflow_version, STRING),
    SCALAR(6, tensorflow_git_version, STRING),
    SCALAR(7, stripped_default_attrs, BOOL),
    MESSAGE(8, function_aliases, &text_entry),
};
static const fl_pbtext_message meta_info = TABLE("MetaInfo", meta_info_fields);

static const fl_pbtext_field node_list_fields[] = {
    SCALAR(1, value, STRING),
};
static const fl_pbtext_message node_list = TABLE("NodeList", node_list_fields);

static const fl_pbtext_field bytes_list_fields[] = {
    SCALAR(1, value, STRING),
};
static const fl_pbtext_message bytes_list = TABLE("BytesList", bytes_list_fields);

static const fl_pbtext_field int64_list_fields[] = {
    SCALAR(1, value, INT64),
};
static const fl_pbtext_message int64_list = TABLE("Int64List", int64_list_fields);

static const fl_pbtext_field float_list_fields[] = {
    SCALAR(1, value, FLOAT),
};
static const fl_pbtext_message float_list = TABLE("FloatList", float_list_fields);

static const fl_pbtext_field any_list_fields[] = {
    MESSAGE(1, value, &any),
};
static const fl_pbtext_message any_list = TABLE("AnyList", any_list_fields);

static const fl_pbtext_field collection_def_fields[] = {
    MESSAGE(1, node_list, &node_list),
    MESSAGE(2, bytes_list, &bytes_list),
    MESSAGE(3, int64_list, &int64_list),
    MESSAGE(4, float_list, &float_list),
    MESSAGE(5, any_list, &any_list),
};
static const fl_pbtext_message collection_def = TABLE("CollectionDef", collection_def_fields);

static const fl_pbtext_field collection_entry_fields[] = {
    SCALAR(1, key, STRING),
    MESSAGE(2, value, &collection_def),
};
static const fl_pbtext_message collection_entry = TABLE("CollectionEntry", collection_entry_fields);

static const fl_pbtext_field coo_sparse_fields[] = {
    SCALAR(1, values_tensor_name, STRING),
    SCALAR(2, indices_tensor_name, STRING),
    SCALAR(3, dense_shape_tensor_name, STRING),
};
static const fl_pbtext_message coo_sparse = TABLE("CooSparse", coo_sparse_fields);

static const fl_pbtext_field composite_tensor_fields[] = {
    MESSAGE(1, type_spec, &type_spec),
    MESSAGE(2, components, &tensor_info),
};
static const fl_pbtext_message composite_tensor = TABLE("CompositeTensor", composite_tensor_fields);

static const fl_pbtext_field tensor_info_fields[] = {
    SCALAR(1, name, STRING),
    ENUM(2, dtype, dtype_names),
    MESSAGE(3, tensor_shape, &tensor_shape),
    MESSAGE(4, coo_sparse, &coo_sparse),
    MESSAGE(5, composite_tensor, &composite_tensor),
};
static const fl_pbtext_message tensor_info = TABLE("TensorInfo", tensor_info_fields);

static const fl_pbtext_field tensor_info_entry_fields[] = {
    SCALAR(1, key, STRING),
    MESSAGE(2, value, &tensor_info),
};
static const fl_pbtext_message tensor_info_entry = TABLE("TensorInfoEntry", tensor_info_entry_fields);

static const fl_pbtext_field tensor_entry_fields[] = {
    SCALAR(1, key, STRING),
    MESSAGE(2, value, &tensor),
};
static const fl_pbtext_message tensor_entry = TABLE("TensorEntry", tensor_entry_fields);

static const fl_pbtext_field signature_def_fields[] = {
    MESSAGE(1, inputs, &tensor_info_entry),
    MESSAGE(2, outputs, &tensor_info_entry),
    SCALAR(3, method_name, STRING),
    MESSAGE(4, defaults, &tensor_entry),
};
static const fl_pbtext_message signature_def = TABLE("SignatureDef", signature_def_fields);

static const fl_pbtext_field signature_entry_fields[] = {
    SCALAR(1, key, STRING),
    MESSAGE(2, value, &signature_def),
};
static const fl_pbtext_message signature_entry = TABLE("SignatureEntry", signature_entry_fields);

static const fl_pbtext_field asset_file_fields[] = {
    MESSAGE(1, tensor_info, &tensor_info),
    SCALAR(2, filename, STRING),
};
static const fl_pbtext_message asset_file = TABLE("AssetFile", asset_file_fields);

static const fl_pbtext_message none_value = {"NoneValue", NULL, 0};

static const fl_pbtext_field list_of_values_fields[] = {
    MESSAGE(1, values, &structured_value),
};
static const fl_pbtext_message list_of_values = TABLE("ListOfValues", list_of_values_fields);

static const fl_pbtext_field dict_entry_fields[] = {
    SCALAR(1, key, STRING),
    MESSAGE(2, value, &structured_value),
};
static const fl_pbtext_message dict_entry = TABLE("DictEntry", dict_entry_fields);

static const fl_pbtext_field dict_of_values_fields[] = {
    MESSAGE(1, fields, &dict_entry),
};
static const fl_pbtext_message dict_of_values = TABLE("DictOfValues", dict_of_values_fields);

static const fl_pbtext_field named_pair_fields[] = {
    SCALAR(1, key, STRING),
    MESSAGE(2, value, &structured_value),
};
static const fl_pbtext_message named_pair = TABLE("NamedPair", named_pair_fields);

static const fl_pbtext_field named_tuple_fields[] = {
    SCALAR(1, name, STRING),
    MESSAGE(2, values, &named_pair),
};
static const fl_pbtext_message named_tuple = TABLE("NamedTuple", named_tuple_fields);

static const fl_pbtext_field tensor_spec_fields[] = {
    SCALAR(1, name, STRING),
    MESSAGE(2, shape, &tensor_shape),
    ENUM(3, dtype, dtype_names),
};
static const fl_pbtext_message tensor_spec = TABLE("TensorSpec", tensor_spec_fields);

static const fl_pbtext_field bounded_tensor_spec_fields[] = {
    SCALAR(1, name, STRING),
    MESSAGE(2, shape, &tensor_shape),
    ENUM(3, dtype, dtype_names),
    MESSAGE(4, minimum, &tensor),
    MESSAGE(5, maximum, &tensor),
};
static const fl_pbtext_message bounded_tensor_spec = TABLE("BoundedTensorSpec", bounded_tensor_spec_fields);

static const fl_pbtext_field type_spec_fields[] = {
    ENUM(1, type_spec_class, type_spec_names),
    MESSAGE(2, type_state, &structured_value),
    SCALAR(3, type_spec_class_name, STRING),
    SCALAR(4, num_flat_components, INT32),
};
static const fl_pbtext_message type_spec = TABLE("TypeSpec", type_spec_fields);

static const fl_pbtext_field structured_value_fields[] = {
    MESSAGE(1, none_value, &none_value),
    SCALAR(11, float64_value, DOUBLE),
    SCALAR(12, int64_value, SINT64),
    SCALAR(13, string_value, STRING),
    SCALAR(14, bool_value, BOOL),
    MESSAGE(31, tensor_shape_value, &tensor_shape),
    ENUM(32, tensor_dtype_value, dtype_names),
    MESSAGE(33, tensor_spec_value, &tensor_spec),
    MESSAGE(34, type_spec_value, &type_spec),
    MESSAGE(35, bounded_tensor_spec_value, &bounded_tensor_spec),
    MESSAGE(51, list_value, &list_of_values),
    MESSAGE(52, tuple_value, &list_of_values),
    MESSAGE(53, dict_value, &dict_of_values),
    MESSAGE(54, named_tuple_value, &named_tuple),
    MESSAGE(55, tensor_value, &tensor),
    MESSAGE(56, numpy_value, &tensor),
};
static const fl_pbtext_message structured_value = TABLE("StructuredValue", structured_value_fields);

static const fl_pbtext_field object_reference_fields[] = {
    SCALAR(1, node_id, INT32),
    SCALAR(2, local_name, STRING),
};
static const fl_pbtext_message object_reference = TABLE("ObjectReference", object_reference_fields);

static const fl_pbtext_field slot_variable_fields[] = {
    SCALAR(1, original_variable_node_id, INT32),
    SCALAR(2, slot_name, STRING),
    SCALAR(3, slot_variable_node_id, INT32),
};
static const fl_pbtext_message slot_variable = TABLE("SlotVariable", slot_variable_fields);

static const fl_pbtext_field user_object_fields[] = {
    SCALAR(1, identifier, STRING),
    MESSAGE(2, version, &version_def),
    SCALAR(3, metadata, STRING),
};
static const fl_pbtext_message user_object = TABLE("UserObject", user_object_fields);

static const fl_pbtext_field saved_asset_fields[] = {
    SCALAR(1, asset_file_def_index, INT32),
};
static const fl_pbtext_message saved_asset = TABLE("SavedAsset", saved_asset_fields);

static const fl_pbtext_field function_spec_fields[] = {
    MESSAGE(1, fullargspec, &structured_value),
    SCALAR(2, is_method, BOOL),
    MESSAGE(5, input_signature, &structured_value),
    ENUM(6, jit_compile, jit_names),
};
static const fl_pbtext_message function_spec = TABLE("FunctionSpec", function_spec_fields);

static const fl_pbtext_field saved_function_fields[] = {
    SCALAR(1, concrete_functions, STRING),
    MESSAGE(2, function_spec, &function_spec),
};
static const fl_pbtext_message saved_function = TABLE("SavedFunction", saved_function_fields);

static const fl_pbtext_field saved_variable_fields[] = {
    ENUM(1, dtype, dtype_names),
    MESSAGE(2, shape, &tensor_shape),
    SCALAR(3, trainable, BOOL),
    ENUM(4, synchronization, synchronization_names),
    ENUM(5, aggregation, aggregation_names),
    SCALAR(6, name, STRING),
    SCALAR(7, device, STRING),
    MESSAGE(8, experimental_distributed_variable_components, &saved_variable),
};
static const fl_pbtext_message saved_variable = TABLE("SavedVariable", saved_variable_fields);

static const fl_pbtext_field bare_function_fields[] = {
    SCALAR(1, concrete_function_name, STRING),
    SCALAR(2, argument_keywords, STRING),
    SCALAR(3, allowed_positional_arguments, INT64),
    MESSAGE(4, function_spec, &function_spec),
};
static const fl_pbtext_message bare_function = TABLE("BareFunction", bare_function_fields);

static const fl_pbtext_field saved_constant_fields[] = {
    SCALAR(1, operation, STRING),
};
static const fl_pbtext_message saved_constant = TABLE("SavedConstant", saved_constant_fields);

static const fl_pbtext_field saved_resource_fields[] = {
    SCALAR(1, device, STRING),
};
static const fl_pbtext_message saved_resource = TABLE("SavedResource", saved_resource_fields);

static const fl_pbtext_field captured_tensor_fields[] = {
    SCALAR(1, name, STRING),
    SCALAR(2, concrete_function, STRING),
};
static const fl_pbtext_message captured_tensor = TABLE("CapturedTensor", captured_tensor_fields);

static const fl_pbtext_field saveable_object_fields[] = {
    SCALAR(2, save_function, INT32),
    SCALAR(3, restore_function, INT32),
};
static const fl_pbtext_message saveable_object = TABLE("SaveableObject", saveable_object_fields);

static const fl_pbtext_field saveable_entry_fields[] = {
    SCALAR(1, key, STRING),
    MESSAGE(2, value, &saveable_object),
};
static const fl_pbtext_message saveable_entry = TABLE("SaveableEntry", saveable_entry_fields);

static const fl_pbtext_field saved_object_fields[] = {
    MESSAGE(1, children, &object_reference),
    MESSAGE(3, slot_variables, &slot_variable),
    MESSAGE(4, user_object, &user_object),
    MESSAGE(5, asset, &saved_asset),
    MESSAGE(6, function, &saved_function),
    MESSAGE(7, variable, &saved_variable),
    MESSAGE(8, bare_concrete_function, &bare_function),
    MESSAGE(9, constant, &saved_constant),
    MESSAGE(10, resource, &saved_resource),
    MESSAGE(11, saveable_objects, &saveable_entry),
    MESSAGE(12, captured_tensor, &captured_tensor),
    SCALAR(13, registered_name, STRING),
    MESSAGE(14, serialized_user_proto, &any),
    MESSAGE(15, dependencies, &object_reference),
    SCALAR(16, registered_saver, STRING),
};
static const fl_pbtext_message saved_object = TABLE("SavedObject", saved_object_fields);

static const fl_pbtext_field concrete_function_fields[] = {
    SCALAR(2, bound_inputs, INT32),
    MESSAGE(3, canonicalized_input_signature, &structured_value),
    MESSAGE(4, output_signature, &structured_value),
};
static const fl_pbtext_message concrete_function = TABLE("ConcreteFunction", concrete_function_fields);

static const fl_pbtext_field concrete_entry_fields[] = {
    SCALAR(1, key, STRING),
    MESSAGE(2, value, &concrete_function),
};
static const fl_pbtext_message concrete_entry = TABLE("ConcreteEntry", concrete_entry_fields);

static const fl_pbtext_field saved_object_graph_fields[] = {
    MESSAGE(1, nodes, &saved_object),
    MESSAGE(2, concrete_functions, &concrete_entry),
};
static const fl_pbtext_message saved_object_graph = TABLE("SavedObjectGraph", saved_object_graph_fields);

static const fl_pbtext_field meta_graph_def_fields[] = {
    MESSAGE(1, meta_info_def, &meta_info),
    MESSAGE(2, graph_def, &fl_tf_schema_graph_def),
    MESSAGE(3, saver_def, &saver_def),
    MESSAGE(4, collection_def, &collection_entry),
    MESSAGE(5, signature_def, &signature_entry),
    MESSAGE(6, asset_file_def, &asset_file),
    MESSAGE(7, object_graph_def, &saved_object_graph),
};
const fl_pbtext_message fl_tf_schema_meta_graph_def = TABLE("MetaGraphDef", meta_graph_def_fields);

static const fl_pbtext_field saved_model_fields[] = {
    SCALAR(1, saved_model_schema_version, INT64),
    MESSAGE(2, meta_graphs, &fl_tf_schema_meta_graph_def),
};
const fl_pbtext_message fl_tf_schema_saved_model = TABLE("SavedModel", saved_model_fields);

static const fl_pbtext_field checkpoint_state_fields[] = {
    SCALAR(1, model_checkpoint_path, STRING),
    SCALAR(2, all_model_checkpoint_paths, STRING),
    SCALAR(3, all_model_checkpoint_timestamps, DOUBLE),
    SCALAR(4, last_preserved_timestamp, DOUBLE),
};
const fl_pbtext_message fl_tf_schema_checkpoint_state = TABLE("CheckpointState", checkpoint_state_fields);
