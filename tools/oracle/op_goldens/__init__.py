"""Golden cases per TensorFlow operator; importing this package registers every one of them."""
import os

# Before TensorFlow is imported anywhere: its oneDNN kernels are the ones that run NCHW, groups and dilation on a CPU.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
