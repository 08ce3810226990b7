#!/bin/sh
# demo.sh - the walkthrough on the sample: a checkpoint goes in, a picture's class comes out.
set -eu
floe=${BUILD:-build}/floe
say() { printf '\n$ %s\n' "$*"; "$@"; }
mkdir -p model
say "$floe" freeze --checkpoint_folder=sample/checkpoint --output_graph=model/frozen_model.pb --output_node_names=softmax_tensor
say "$floe" convert model/frozen_model.pb -o model/model.uff -O softmax_tensor
say "$floe" build model/model.uff --input_placeholder=images_placeholder --dimensions=3,224,224 --max_batch_size=1 --max_workspace_size=20 -o model/model.PLAN
for picture in images/Car.png images/NoCar.png; do
    say "$floe" infer --plan_file=model/model.PLAN --image_path=$picture --desired_size=3,224,224 --labels sample/labels.txt
done
