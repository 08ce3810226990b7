/* tf_schema.h - the tables by which text-format TensorFlow files are read. */
#ifndef FL_TF_SCHEMA_H
#define FL_TF_SCHEMA_H

#include "proto/text.h"

extern const fl_pbtext_message fl_tf_schema_graph_def;
extern const fl_pbtext_message fl_tf_schema_meta_graph_def;
extern const fl_pbtext_message fl_tf_schema_saved_model;
extern const fl_pbtext_message fl_tf_schema_checkpoint_state;

#endif
