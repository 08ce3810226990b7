#!/usr/bin/env python3
"""test_cli.py - the program floe as users and scripts meet it: exit codes, sentences, flags, files.

Needs Python 3 and nothing else. FLOE_BUILD names the build folder (default: build). Numbers are checked against what
the graphs of cli_fixture.py compute by definition, and against sample/expected.txt, which TensorFlow wrote.
"""

import json
import os
import pty
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cli_fixture import *  # noqa: E402,F403

PICTURE = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120]  # 2 x 2 RGB


class CliTest(unittest.TestCase):
    """Each test has an empty folder, self.dir."""

    maxDiff = None

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="floe-cli-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, data):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as f:
            f.write(data)
        return self.path(name)

    def ok(self, *args, **kw):
        r = floe(*args, **kw)
        self.assertEqual(r.code, 0, "floe %s: %s" % (" ".join(map(str, args)), r))
        return r

    def fails(self, code, *args, says=(), **kw):
        """One line 'floe: error: ...' on stderr with all of `says` in it."""
        r = floe(*args, **kw)
        what = "floe %s: %s" % (" ".join(map(str, args)), r)
        self.assertEqual(r.code, code, what)
        errors = [line for line in r.err.splitlines() if line.startswith("floe: error: ")]
        self.assertEqual(len(errors), 1, what)
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, errors[0], what)
        return r

    def names(self, folder=""):
        return sorted(os.listdir(self.path(folder)))

    def identity(self, name="net.pb", dims=(-1, 2, 2, 3), dtype=FLOAT):
        return self.write(name, graph(placeholder("x", dims, dtype), op("y", "Identity", ["x"], dtype)))

    def picture(self, name="p.png", channels=3):
        return self.write(name, png_bytes(2, 2, channels, PICTURE[:4 * channels]))

    def values(self, r):
        """All numbers of output y of a --json line."""
        def flat(v):
            return [x for item in v for x in flat(item)] if isinstance(v, list) else [v]
        return flat(json.loads(r.out)["outputs"]["y"])

    def assertClose(self, got, wanted, tolerance=1e-5):
        self.assertEqual(len(got), len(wanted))
        for g, w in zip(got, wanted):
            self.assertLessEqual(abs(g - w), tolerance * max(1, abs(w)), "%s against %s" % (got, wanted))


# -------------------------------------------------------------------------------------------------------------- help

class Help(CliTest):
    def test_no_command_is_wrong_usage_and_shows_the_commands(self):
        r = floe()
        self.assertEqual((r.code, r.out), (2, ""))
        for name in COMMANDS:
            self.assertIn("    %s " % name, r.err)

    def test_help_and_version_go_to_stdout(self):
        self.assertRegex(self.ok("--version").out, r"^floe \d+\.\d+\.\d+\n$")
        for spelling in ("--help", "-h", "help"):
            r = self.ok(spelling)
            self.assertEqual(r.err, "")
            self.assertIn("usage: floe COMMAND", r.out)

    def test_every_command_has_help_with_an_example(self):
        for name in COMMANDS:
            r = self.ok(name, "--help")
            self.assertEqual(r.err, "")
            self.assertTrue(r.out.startswith("usage: floe %s " % name), r)
            self.assertIn("\nexample:\n    floe %s " % name, r.out)
            self.assertEqual(r.out, self.ok("help", name).out)
            self.assertEqual(r.out, self.ok(name, "-h").out)

    def test_help_wins_over_whatever_else_is_wrong(self):
        self.ok("deploy", "--frozen_file", "--help")

    def test_help_lines_fit_a_terminal(self):
        for name in COMMANDS:
            for line in self.ok(name, "--help").out.splitlines()[1:]:
                self.assertLessEqual(len(line), 120, line)

    def test_an_unknown_command_names_the_nearest(self):
        self.fails(2, "deplyo", says="'deploy'")
        self.fails(2, "help", "bnech", says="'bench'")

    def test_passes_are_listed_without_a_model(self):
        for name in ("build", "deploy"):
            self.assertIn("fold-batchnorm", self.ok(name, "--list-passes").out)


# ------------------------------------------------------------------------------------------------------------- flags

class Flags(CliTest):
    def test_an_unknown_flag_names_the_nearest(self):
        for name, wrong, right in (("freeze", "--checkpoint_foldr=x", "--checkpoint_folder"),
                                   ("deploy", "--dimension=3,2,2", "--dimensions"),
                                   ("deploy", "--max-batchsize=1", "--max_batch_size"),
                                   ("infer", "--plan-fle=x", "--plan_file"),
                                   ("convert", "--output-nodes=x", "--output-node"),
                                   ("build", "--timing-cahce=x", "--timing-cache"),
                                   ("info", "--jsn", "--json"),
                                   ("bench", "--duratoin=1", "--duration")):
            self.fails(2, name, wrong, says=[wrong.split("=")[0], right])

    def test_a_long_flag_with_one_dash_is_recognised(self):
        self.fails(2, "deploy", "-frozen_file=x", says="--frozen_file")

    def test_missing_values_and_superfluous_ones(self):
        self.fails(2, "deploy", "--frozen_file", says="--frozen_file needs a value")
        self.fails(2, "deploy", "--frozen_file", "--input_placeholder=x", says="--frozen_file needs a value")
        self.fails(2, "deploy", "-i", says="-i needs a value")
        self.fails(2, "info", "--json=yes", "x", says="--json takes no value")
        self.fails(2, "freeze", "extra", says="'extra'")
        self.fails(2, "info", "one", "two", says="'two'")

    def test_required_flags_are_named(self):
        self.fails(2, "freeze", says="--checkpoint_folder")
        self.fails(2, "freeze", "--checkpoint_folder=" + self.dir, says="--output_node_names")
        self.fails(2, "deploy", says="--frozen_file")
        self.fails(2, "infer", says="--plan_file")
        for name in ("convert", "build", "info", "bench"):
            self.fails(2, name, says="is needed")

    def test_values_are_checked(self):
        pb = self.identity()
        for flag, value in (("--max_batch_size", "0"), ("--max_batch_size", "two"), ("--max_batch_size", "1.5"),
                            ("--max_workspace_size", "63"), ("--max_workspace_size", "-1"), ("--threads", "-1"),
                            ("--opt-level", "2"), ("--channels", "rbg"), ("--resize", "linear"),
                            ("--preprocess", "0..2"),
                            ("--mean", "1,x"), ("--scale", "0"), ("--mean", "1,2,3,4,5"),
                            ("--skip-pass", "fold-batchnrm"),
                            ("--dump-after", "nothing"), ("--dimensions", "2,x"), ("--dimensions", "2,-1,3"),
                            ("--dimensions", "2,2,"), ("--dimensions", "1,1,1,1,1,1,1,1,1")):
            self.fails(2, "build", pb, "-o", self.path("o.PLAN"), "%s=%s" % (flag, value),
                       says=[flag, value.split(",")[0]])
        self.assertEqual(self.names(), ["net.pb"])

    def test_every_spelling_gives_the_same_plan(self):
        pb = self.identity(dims=(-1, 3, 2, 2))
        plans = []
        for flags in (["--frozen_file=" + pb, "--input_placeholder=x", "--dimensions=3,2,2", "--output_placeholders=y",
                       "--file_path=o.PLAN", "--max_batch_size=2"],
                      ["--frozen-file", pb, "--input-placeholder", "x", "--dimensions", "3,2,2",
                       "--output-placeholders", "y",
                       "--file-path", "o.PLAN", "--max-batch-size", "2"],
                      ["--frozen_file", pb, "-i", "x", "-d", "3,2,2", "-o", "y", "-f", "o.PLAN", "--max_batch-size",
                       "2"],
                      ["-ix", "-d3,2,2", "-oy", "-fo.PLAN", "--max_batch_size=2", "--frozen_file=" + pb],
                      ["-i=x", "-d=3,2,2", "-o=y:0", "-f=o.PLAN", "--max_batch_size=2", "--frozen_file=" + pb]):
            self.ok("deploy", "--opt-level=0", *flags, cwd=self.dir)
            with open(self.path("o.PLAN"), "rb") as f:
                plans.append(f.read())
            os.remove(self.path("o.PLAN"))
        self.assertEqual(plans, [plans[0]] * len(plans))

    def test_letters_may_stand_together_and_two_dashes_end_the_flags(self):
        pb = self.identity()
        self.assertEqual(self.ok("convert", "-qt", pb).out, "")
        self.assertEqual(self.names(), ["net.pb", "net.pbtxt", "net.uff"])
        self.write("-l", open(pb, "rb").read())
        self.assertIn("GraphDef", self.ok("info", "--", "-l", cwd=self.dir).out)


# ------------------------------------------------------------------------------------------------------- walkthrough

class Walkthrough(CliTest):
    """The sample model through freeze, deploy and infer, as the text that users follow has it."""

    @classmethod
    def setUpClass(cls):
        cls.base = tempfile.mkdtemp(prefix="floe-cli-")
        shutil.copytree(os.path.join(ROOT, "sample", "checkpoint"), os.path.join(cls.base, "checkpoint"))
        cls.frozen = os.path.join(cls.base, "model", "frozen_model.pb")
        cls.plan = os.path.join(cls.base, "model", "model.PLAN")
        cls.made = [floe("freeze", "--checkpoint_folder=" + os.path.join(cls.base, "checkpoint"),
                         "--output_node_names=softmax_tensor", "--output_graph=" + cls.frozen),
                    floe("deploy", "--frozen_file=" + cls.frozen, "--input_placeholder=images_placeholder",
                         "--dimensions=3,224,224", "--output_placeholders=softmax_tensor", "--file_path=" + cls.plan,
                         "--max_batch_size=3", "--max_workspace_size=20", "--opt-level=0")]
        cls.pictures = os.path.join(ROOT, "images")
        cls.labels = os.path.join(ROOT, "sample", "labels.txt")
        with open(os.path.join(ROOT, "sample", "expected.txt")) as f:
            cls.expected = {n: (label, float(p)) for n, label, p in (line.split() for line in f)}

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.base, ignore_errors=True)

    def setUp(self):
        super().setUp()
        for r in self.made:
            self.assertEqual(r.code, 0, r)

    def test_freeze_writes_into_the_checkpoint_folder_by_default(self):
        folder = os.path.join(self.base, "checkpoint")
        r = self.ok("freeze", "--checkpoint_folder=" + folder, "--output_node_names=softmax_tensor")
        self.assertIn("180 ops in the final graph", r.out)
        with open(os.path.join(folder, "frozen_model.pb"), "rb") as a, open(self.frozen, "rb") as b:
            self.assertEqual(a.read(), b.read())

    def test_deploy_summary_names_the_bindings(self):
        self.assertIn("images_placeholder f32 [N,3,224,224] -> softmax_tensor f32 [N,2]", self.made[1].out)
        self.assertEqual(self.made[1].err, "")

    def test_every_picture_gets_tensorflows_class_and_probability(self):
        r = self.ok("infer", "--plan_file=" + self.plan, "--image_path=" + self.pictures, "--labels", self.labels,
                    "--json")
        lines = [json.loads(line) for line in r.out.splitlines()]
        self.assertEqual([os.path.basename(l["image"]) for l in lines], sorted(self.expected))
        for line in lines:
            label, probability = self.expected[os.path.basename(line["image"])]
            self.assertEqual(sorted(line), ["class", "image", "label", "outputs"])
            self.assertEqual(line["label"], label)
            self.assertEqual(line["class"], ["NoCar", "Car"].index(label))
            self.assertEqual(len(line["outputs"]["softmax_tensor"]), 2)
            # A JPEG's pixels depend on the decoder's version.
            self.assertClose([line["outputs"]["softmax_tensor"][line["class"]]], [probability],
                             1e-5 if line["image"].endswith(".png") else 1e-2)

    def test_the_printed_answer(self):
        r = self.ok("infer", "--plan_file=" + self.plan, "--image_path=" + self.pictures + "/Car.png",
                    "--desired_size=3,224,224")
        self.assertRegex(r.out, r"^Result: \[0\.0607\d+ 0\.9392\d+\]\nDecision: class 1, 0\.9392\d+\n$")
        r = self.ok("infer", "--plan_file", self.plan, "--labels", self.labels, "--top-k", "2",
                    self.pictures + "/Car.png")
        self.assertRegex(r.out,
                         r"\n +1\. 0\.939\d+ +class 1 Car\n +2\. 0\.060\d+ +class 0 NoCar\nDecision: Car \(class 1\), 0\.9392\d+\n$")

    def test_patterns_repeated_flags_and_batches_agree_with_single_pictures(self):
        def probabilities(*args):
            r = self.ok("infer", "--plan_file=" + self.plan, "--json", *args)
            return {json.loads(l)["image"]: json.loads(l)["outputs"]["softmax_tensor"] for l in r.out.splitlines()}
        names = sorted(n for n in os.listdir(self.pictures) if n.endswith(".png"))
        single = {}
        for n in names:
            single.update(probabilities(os.path.join(self.pictures, n)))
        several = [probabilities("--image_path=" + os.path.join(self.pictures, "*.png")),
                   probabilities(*["--image_path=" + os.path.join(self.pictures, n) for n in names]),
                   probabilities(*[os.path.join(self.pictures, n) for n in names])]
        for one in several:
            self.assertEqual(list(one), list(single))
            for image in single:
                self.assertClose(one[image], single[image])

    def test_top_k_in_json(self):
        r = self.ok("infer", "--plan_file=" + self.plan, "--json", "--top-k=5", "--labels", self.labels,
                    self.pictures + "/NoCar.png")
        top = json.loads(r.out)["top"]
        self.assertEqual([(t["class"], t["label"]) for t in top], [(0, "NoCar"), (1, "Car")])
        self.assertGreater(top[0]["value"], top[1]["value"])

    def test_labels_of_another_length_are_warned_about(self):
        labels = self.write("labels.txt", b"NoCar\r\nCar\r\nBoat\r\n\r\n")
        r = self.ok("infer", "--plan_file=" + self.plan, "--json", "--labels", labels, self.pictures + "/Car.png")
        self.assertIn("3 classes", r.err)
        self.assertEqual(json.loads(r.out)["label"], "Car")

    def test_another_size_builds_and_a_wrong_desired_size_says_both(self):
        plan = self.path("m.PLAN")
        self.ok("deploy", "--frozen_file=" + self.frozen, "-i", "images_placeholder", "-d", "3,244,244", "-o",
                "softmax_tensor",
                "-f", plan, "--opt-level=0")
        self.fails(1, "infer", "--plan_file=" + plan, "--image_path=" + self.pictures + "/Car.png",
                   "--desired_size=3,224,224",
                   says=["3,224,224", "3,244,244"])
        self.assertIn("class 1", self.ok("infer", "--plan_file=" + plan,
                                         "--image_path=" + self.pictures + "/Car.png").out)
        self.fails(2, "infer", "--plan_file=" + plan, "--desired_size=224,224", self.pictures + "/Car.png",
                   says="C,H,W")

    def test_dimensions_that_do_not_fit_name_both_shapes(self):
        self.fails(1, "deploy", "--frozen_file=" + self.frozen, "-i", "images_placeholder", "-d", "1,224,224", "-o",
                   "softmax_tensor", "-f", self.path("m.PLAN"), says=["[1,224,224]", "[3,?,?]", "images_placeholder"])
        self.assertEqual(self.names(), [])

    def test_a_graph_in_place_of_the_plan(self):
        r = self.ok("infer", "--plan_file=" + self.frozen, "--desired_size=3,224,224", "--json",
                    self.pictures + "/Car.png")
        self.assertClose([json.loads(r.out)["outputs"]["softmax_tensor"][1]], [self.expected["Car.png"][1]])
        self.fails(1, "infer", "--plan_file=" + self.frozen, self.pictures + "/Car.png", says="--dimensions")

    def test_convert_and_build_give_deploys_answer(self):
        uff, plan = self.path("m.uff"), self.path("m.PLAN")
        self.ok("convert", self.frozen, "-o", uff, "-O", "softmax_tensor")
        self.ok("build", uff, "--input_placeholder=images_placeholder", "--dimensions=3,224,224", "-o", plan,
                "--opt-level=0")
        a, b = (self.ok("infer", "--plan_file=" + p, "--json", self.pictures + "/Car2.png") for p in (plan, self.plan))
        self.assertClose(json.loads(a.out)["outputs"]["softmax_tensor"], json.loads(b.out)["outputs"]["softmax_tensor"])

    def test_an_unreadable_picture_is_told_and_the_others_go_on(self):
        bad = self.write("bad.png", b"no picture")
        good = self.pictures + "/Car.png"
        r = floe("infer", "--plan_file=" + self.plan, "--json", good, bad, self.path("missing.png"),
                 self.pictures + "/NoCar.png")
        self.assertEqual(r.code, 1, r)
        self.assertEqual([os.path.basename(json.loads(l)["image"]) for l in r.out.splitlines()],
                         ["Car.png", "NoCar.png"])
        self.assertEqual(len(r.err.splitlines()), 2, r)
        self.assertIn("bad.png", r.err)
        self.assertIn("missing.png", r.err)
        self.fails(1, "infer", "--plan_file=" + self.plan, bad, says="bad.png")

    def test_outputs_of_pictures_as_npy(self):
        self.ok("infer", "--plan_file=" + self.plan, "--output_folder=" + self.path("a/b"), self.pictures + "/Car.png",
                self.pictures + "/NoCar.png")
        self.assertEqual(self.names("a/b"), ["Car.png.softmax_tensor.npy", "NoCar.png.softmax_tensor.npy"])
        descr, shape, values = read_npy(self.path("a/b/Car.png.softmax_tensor.npy"))
        self.assertEqual((descr, shape), ("<f4", (1, 2)))
        self.assertClose([values[1]], [self.expected["Car.png"][1]])

    def test_two_pictures_of_one_name_cannot_share_an_output_folder(self):
        other = self.path("Car.png")
        shutil.copy(self.pictures + "/Car.png", other)
        self.fails(1, "infer", "--plan_file=" + self.plan, "--output_folder=" + self.path("o"),
                   self.pictures + "/Car.png", other,
                   says="one name")

    def test_moving_averages_prefix_and_signature_flags_reach_the_library(self):
        folder = os.path.join(self.base, "checkpoint")
        self.ok("freeze", "--checkpoint_folder", folder, "--checkpoint_prefix=model.ckpt-2622",
                "--output_node_names=softmax_tensor",
                "--output_graph=" + self.path("f.pb"), "--prefer-ema")
        self.fails(1, "freeze", "--checkpoint_folder", folder, "--checkpoint_prefix=model.ckpt-1",
                   "--output_node_names=softmax_tensor",
                   "--output_graph=" + self.path("g.pb"), says="model.ckpt-1")
        self.fails(1, "freeze", "--checkpoint_folder", folder, "--output_node_names=softmx_tensor",
                   says="softmax_tensor")
        saved = os.path.join(ROOT, "tests", "golden", "ckpt", "savedmodel_tf1")
        self.ok("freeze", "--checkpoint_folder", saved, "--output_graph=" + self.path("s.pb"))
        self.fails(1, "freeze", "--checkpoint_folder", saved, "--signature=nope", "--output_graph=" + self.path("t.pb"),
                   says="nope")
        self.fails(1, "freeze", "--checkpoint_folder", saved, "--tags=nope", "--output_graph=" + self.path("t.pb"),
                   says="nope")
        self.assertEqual(self.names(), ["f.pb", "s.pb"])


# ------------------------------------------------------------------------------------------------------ deploy, build

class Build(CliTest):
    def test_deploys_defaults_are_the_scripts(self):
        pb = self.write("net.pb", graph(placeholder("x", (-1, 3, 224, 224)), op("y", "Identity", ["x"]),
                                        op("z", "Relu", ["x"])))
        self.ok("deploy", "--frozen_file=" + pb, "--file_path=" + self.path("m.PLAN"), "--opt-level=0")
        info = json.loads(self.ok("info", "--json", self.path("m.PLAN")).out)
        self.assertEqual([(t["name"], t["shape"]) for t in info["inputs"]], [("x", [-1, 3, 224, 224])])
        self.assertEqual([t["name"] for t in info["outputs"]], ["y", "z"])
        text = self.ok("deploy", "--help").out
        for default in ("3,224,224", "/tmp/trt_output/model.PLAN", "y,z"):
            self.assertIn(default, text)

    def test_a_default_that_fails_is_named_as_one(self):
        self.fails(1, "deploy", "--frozen_file=" + self.identity(dims=(-1, 7)), "-o", "y", "-f", self.path("m.PLAN"),
                   says=["[7]", "not given: --input_placeholder, so x; --dimensions, so 3,224,224"])

    def test_parents_of_outputs_are_made(self):
        self.ok("build", self.identity(), "-o", self.path("a/b/c/m.PLAN"),
                "--timing-cache=" + self.path("d/e/cache.txt"))
        self.assertEqual(self.names("a/b/c"), ["m.PLAN"])
        self.assertEqual(self.names("d/e"), ["cache.txt"])
        self.ok("convert", self.path("net.pb"), "-o", self.path("f/g/m.uff"))
        self.assertEqual(self.names("f/g"), ["m.uff"])

    def test_builds_default_output_stands_beside_the_model(self):
        self.ok("build", self.identity(), "-q")
        self.assertEqual(self.names(), ["net.PLAN", "net.pb"])

    def test_chw_dimensions_fit_an_nhwc_graph(self):
        pb = self.identity(dims=(-1, 2, 4, 3))
        for dims in ("3,2,4", "2,4,3"):
            self.ok("build", pb, "-i", "x", "-d", dims, "-o", self.path("m.PLAN"))
            info = json.loads(self.ok("info", "--json", self.path("m.PLAN")).out)
            self.assertEqual(info["inputs"][0]["shape"], [-1, 2, 4, 3])
        self.fails(1, "build", pb, "-d", "4,2,3", "-o", self.path("n.PLAN"), says=["[4,2,3]", "[2,4,3]"])

    def test_several_inputs_have_several_shapes(self):
        pb = self.write("net.pb", graph(placeholder("a", None), placeholder("b", None), op("y", "AddV2", ["a", "b"])))
        self.fails(2, "build", pb, "-d", "4", says=["'a'", "'b'"])
        self.fails(2, "build", pb, "-i", "a", "-i", "b", "-d", "4", says="--dimensions")
        self.ok("build", pb, "-i", "a", "-d", "4", "-i", "b", "-d", "4", "-o", self.path("m.PLAN"))
        info = json.loads(self.ok("info", "--json", self.path("m.PLAN")).out)
        self.assertEqual(sorted((t["name"], t["shape"]) for t in info["inputs"]), [("a", [-1, 4]), ("b", [-1, 4])])

    def test_verbose_names_tactics_and_quiet_says_nothing(self):
        pb = self.identity(dims=(-1, 4))
        self.write("net.pb", graph(placeholder("x", (-1, 4)), op("y", "Softmax", ["x"])))
        r = self.ok("build", pb, "-v", "-o", self.path("m.PLAN"))
        self.assertIn("cpu.softmax.", r.err)
        r = self.ok("build", pb, "--quiet", "-o", self.path("m.PLAN"))
        self.assertEqual(r.out + r.err, "")

    def test_passes_can_be_dumped_and_skipped(self):
        pb = self.write("net.pb", graph(placeholder("x", (-1, 4)), op("i", "Identity", ["x"]), op("y", "Relu", ["i"])))
        r = self.ok("build", pb, "-o", self.path("m.PLAN"), "--dump-after=all")
        self.assertIn("== after identities", r.out)
        self.assertIn("== after dead-layers", r.out)
        r = self.ok("build", pb, "-o", self.path("m.PLAN"), "--dump-after=identities,dead-layers",
                    "--skip-pass=identities")
        self.assertNotIn("== after identities", r.out)
        self.assertIn("== after dead-layers", r.out)
        r = self.ok("build", pb, "-o", self.path("m.PLAN"), "--dump-after=identities", "--no-passes")
        self.assertIn("nothing was dumped", r.err)

    def test_tactics_isa_and_device(self):
        pb = self.write("net.pb", graph(placeholder("x", (-1, 4)), constant("w", (4, 2), [1, 2, 3, 4, 5, 6, 7, 8]),
                                        op("y", "MatMul", ["x", "w"])))
        self.ok("build", pb, "-o", self.path("m.PLAN"), "--isa=scalar", "--tactics=ref", "--device=cpu", "--threads=1")
        self.assertIn("cpu.matmul.any.ref", self.ok("info", "--nodes", self.path("m.PLAN")).out)
        self.fails(1, "build", pb, "-o", self.path("n.PLAN"), "--isa=sse9", says="sse9")
        self.fails(1, "build", pb, "-o", self.path("n.PLAN"), "--device=abacus", says="abacus")
        self.assertEqual(self.names(), ["m.PLAN", "net.pb"])

    def test_a_timing_cache_is_written_and_used_again(self):
        pb = self.write("net.pb", graph(placeholder("x", (-1, 4)), constant("w", (4, 2), [1, 2, 3, 4, 5, 6, 7, 8]),
                                        op("y", "MatMul", ["x", "w"])))
        cache = self.path("cache.txt")
        plans = []
        for _ in range(2):
            self.ok("build", pb, "-o", self.path("m.PLAN"), "--timing-cache=" + cache)
            with open(self.path("m.PLAN"), "rb") as f, open(cache) as c:
                plans.append((f.read(), c.read()))
        self.assertIn("matmul", plans[0][1])
        self.assertEqual(plans[0], plans[1])

    def test_the_input_is_never_overwritten(self):
        pb = self.identity()
        with open(pb, "rb") as f:
            before = f.read()
        self.fails(1, "build", pb, "-o", pb, says="is the input")
        os.link(pb, self.path("link.uff"))
        self.fails(1, "convert", pb, "-o", self.path("link.uff"), says="is the input")
        with open(pb, "rb") as f:
            self.assertEqual(f.read(), before)

    def test_unsupported_operations_are_all_listed(self):
        pb = self.write("net.pb", graph(placeholder("x", (-1, 4)), op("a", "NoSuchOp", ["x"]),
                                        op("y", "NeitherThis", ["a"])))
        self.fails(1, "build", pb, says=["NoSuchOp", "NeitherThis"])


# ------------------------------------------------------------------------------------------------------ preprocessing

class Preprocessing(CliTest):
    """A 2 x 2 picture through an identity: what comes out is the input tensor."""

    rgb = PICTURE

    def planes(self, values):
        return [values[4 * 0 + c + 3 * i] for c in range(3) for i in range(4)]

    def run_picture(self, plan, *flags, picture=None):
        return self.values(self.ok("infer", "--plan_file=" + plan, "--json", picture or self.picture(), *flags))

    def build(self, *flags, **kw):
        self.ok("build", self.identity(**kw), "-o", self.path("m.PLAN"), *flags)
        return self.path("m.PLAN")

    def test_without_any_a_picture_is_raw_rgb(self):
        self.assertClose(self.run_picture(self.build()), self.rgb)

    def test_channels_come_first_where_the_input_has_them_first(self):
        self.assertClose(self.run_picture(self.build(dims=(-1, 3, 2, 2))), self.planes(self.rgb))

    def test_presets(self):
        caffe = [v - m for i in range(4) for v, m in zip(reversed(self.rgb[3 * i:3 * i + 3]),
                                                         (103.939, 116.779, 123.68))]
        imagenet = [(v / 255 - m) / s for i in range(4) for v, m,
                    s in zip(self.rgb[3 * i:3 * i + 3], (.485, .456, .406), (.229, .224, .225))]
        for name, wanted in (("none", self.rgb), ("0..1", [v / 255 for v in self.rgb]),
                             ("-1..1", [v / 127.5 - 1 for v in self.rgb]),
                             ("caffe", caffe), ("imagenet", imagenet)):
            self.assertClose(self.run_picture(self.build("--preprocess=" + name)), wanted)
            self.assertClose(self.run_picture(self.build(), "--preprocess", name), wanted)

    def test_the_plan_keeps_it_and_infer_may_override_it(self):
        plan = self.build("--preprocess=0..1", "--channels=bgr")
        bgr = [v for i in range(4) for v in reversed(self.rgb[3 * i:3 * i + 3])]
        self.assertClose(self.run_picture(plan), [v / 255 for v in bgr])
        self.assertClose(self.run_picture(plan, "--channels=rgb"), [v / 255 for v in self.rgb])
        self.assertClose(self.run_picture(plan, "--mean=10"), [(v - 10) / 255 for v in bgr])
        self.assertClose(self.run_picture(plan, "--preprocess=none"), self.rgb)

    def test_mean_and_scale_one_or_one_a_channel(self):
        self.assertClose(self.run_picture(self.build("--mean=10", "--scale=2")), [(v - 10) * 2 for v in self.rgb])
        self.assertClose(self.run_picture(self.build("--mean=1,2,3", "--scale", "-1,.5,2")),
                         [(v - m) * s for i in range(4) for v, m,
                          s in zip(self.rgb[3 * i:3 * i + 3], (1, 2, 3), (-1, .5, 2))])
        self.fails(2, "build", self.identity(), "--mean=1,2", says=["2 values", "3 channels"])

    def test_resize_methods(self):
        big = self.write("big.png", png_bytes(4, 2, 1, [0, 100, 200, 40, 10, 110, 210, 50]))
        plan = self.build(dims=(-1, 2, 2, 1))
        self.assertClose(self.run_picture(plan, picture=big), [50, 120, 60, 130])
        self.assertClose(self.run_picture(plan, "--resize=crop", picture=big), [100, 200, 110, 210])
        nearest = self.run_picture(plan, "--resize=nearest", picture=big)
        self.assertClose(nearest, [100, 40, 110, 50])
        self.assertClose(self.run_picture(self.build("--resize=crop", dims=(-1, 2, 2, 1)), picture=big),
                         [100, 200, 110, 210])

    def test_every_resize_method_by_flag_and_in_the_plan(self):
        # What TensorFlow 2.21 makes of this picture of 4 x 2 in 2 x 2, but crop, which takes the middle two columns.
        methods = {
            "bilinear": [50, 120, 60, 130],
            "nearest": [100, 40, 110, 50],
            "crop": [100, 200, 110, 210],
            "bicubic": [41.176472, 121.176468, 51.176475, 131.176483],
            "area": [50, 120, 60, 130],
            "bilinear-legacy": [0, 200, 10, 210],
            "bilinear-aligned": [0, 40, 10, 50],
            "lanczos3": [71.829575, 125.497253, 81.829575, 135.497253],
        }
        big = self.write("big.png", png_bytes(4, 2, 1, [0, 100, 200, 40, 10, 110, 210, 50]))
        bare = self.build(dims=(-1, 2, 2, 1))
        for name, wanted in methods.items():
            self.assertClose(self.run_picture(bare, "--resize=" + name, picture=big), wanted)
            plan = self.build("--resize=" + name, dims=(-1, 2, 2, 1))
            self.assertClose(self.run_picture(plan, picture=big), wanted)
            self.assertIn("resize=" + name + " ", self.ok("info", plan).out.replace("\n", " "))
        self.assertIn("--resize=" + "|".join(methods) + "\n", self.ok("infer", "--help").out)
        self.fails(2, "infer", "--plan_file=" + bare, "--resize=lanczos", big, says=["--resize", "'lanczos3'"])

    def test_grey_pictures_feed_one_channel_and_three(self):
        grey = self.picture("g.png", channels=1)
        self.assertClose(self.run_picture(self.build(dims=(-1, 2, 2, 1)), picture=grey), self.rgb[:4])
        self.assertClose(self.run_picture(self.build(dims=(-1, 1, 2, 2)), picture=grey), self.rgb[:4])
        self.assertClose(self.run_picture(self.build(dims=(-1, 2, 2)), picture=grey), self.rgb[:4])
        self.assertClose(self.run_picture(self.build(), picture=grey), [v for v in self.rgb[:4] for _ in range(3)])

    def test_a_flat_input_takes_a_grey_picture_of_a_given_size(self):
        grey, plan = self.picture("g.png", channels=1), self.build(dims=(-1, 4))
        self.assertClose(self.run_picture(plan, "--desired_size=1,2,2", picture=grey), self.rgb[:4])
        self.fails(1, "infer", "--plan_file=" + plan, grey, says=["[N,4]", "--desired_size"])

    def test_whole_numbers_for_inputs_of_bytes(self):
        plan = self.build(dtype=UINT8)
        self.assertEqual(self.run_picture(plan), self.rgb)
        self.assertEqual(self.run_picture(plan, "--scale=.1"), [round(v / 10) for v in self.rgb])

    def test_inputs_that_are_no_pictures_are_named(self):
        plan = self.build(dims=(-1, 2, 2, 7))
        self.fails(1, "infer", "--plan_file=" + plan, self.picture(), says=["'x'", "[N,2,2,7]"])
        self.fails(1, "build", self.identity(dims=(-1, 5)), "--preprocess=0..1", says="[N,5]")
        pb = self.write("two.pb", graph(placeholder("a", (-1, 2, 2, 3)), placeholder("b", (-1, 2, 2, 3)),
                                        op("y", "AddV2", ["a", "b"])))
        self.fails(1, "infer", "--plan_file=" + pb, self.picture(), says=["'a'", "'b'", "--input"])


# ------------------------------------------------------------------------------------------------------------ tensors

class Tensors(CliTest):
    def npy(self, name, shape, values, descr="<f4", **kw):
        return self.write(name, npy_bytes(descr, shape, values, **kw))

    def result(self, name="y"):
        return read_npy(self.path("out/%s.npy" % name))

    def infer(self, plan, *args):
        shutil.rmtree(self.path("out"), ignore_errors=True)
        return self.ok("infer", "--plan_file=" + plan, "--output_folder=" + self.path("out"), *args)

    def test_shapes_come_from_the_arrays(self):
        x = self.npy("x.npy", (3, 2), [1, -2, 3, -4, 5, -6])
        for dims in ((-1, 2), (3, 2), (-1, -1), None):
            pb = self.write("net.pb", graph(placeholder("x", dims), op("y", "Relu", ["x"])))
            self.infer(pb, "--input=" + x)
            self.assertEqual(self.result(), ("<f4", (3, 2), [1, 0, 3, 0, 5, 0]))

    def test_a_batch_fixed_at_one_runs_more(self):
        x = self.npy("x.npy", (3, 2), [1, -2, 3, -4, 5, -6])
        pb = self.write("net.pb", graph(placeholder("x", (1, 2)), op("y", "Relu", ["x"])))
        self.infer(pb, "--input=x=" + x, "--output-node=y")
        self.assertEqual(self.result(), ("<f4", (3, 2), [1, 0, 3, 0, 5, 0]))
        wrong = self.npy("w.npy", (3, 4), range(12))
        self.fails(1, "infer", "--plan_file=" + pb, "--input=" + wrong, says=["[3,4]", "[1,2]"])

    def test_a_plan_runs_larger_batches_in_pieces(self):
        pb = self.write("net.pb", graph(placeholder("x", (-1, 2)), op("y", "Relu", ["x"])))
        self.ok("build", pb, "-o", self.path("m.PLAN"), "--max_batch_size=2")
        x = self.npy("x.npy", (5, 2), [1, -2, 3, -4, 5, -6, 7, -8, 9, -10])
        self.infer(self.path("m.PLAN"), "--input=" + x)
        self.assertEqual(self.result(), ("<f4", (5, 2), [1, 0, 3, 0, 5, 0, 7, 0, 9, 0]))
        self.infer(pb, "--input=" + x, "--max_batch_size=2")
        self.assertEqual(self.result(), ("<f4", (5, 2), [1, 0, 3, 0, 5, 0, 7, 0, 9, 0]))

    def test_several_inputs_and_outputs_with_awkward_names(self):
        pb = self.write("net.pb", graph(placeholder("in/a", (-1, 2)), placeholder("in/b", (-1, 2)),
                                        op("scope/sum", "AddV2", ["in/a", "in/b"]),
                                        op("scope/dif ference", "Sub", ["in/a", "in/b"])))
        a, b = self.npy("a.npy", (1, 2), [5, 7]), self.npy("b=c.npy", (1, 2), [1, 2])
        self.infer(pb, "--input=in/a=" + a, "--input", "in/b:0=" + b, "--output-node=scope/sum,scope/dif ference")
        self.assertEqual(self.names("out"), ["scope_dif_ference.npy", "scope_sum.npy"])
        self.assertEqual(self.result("scope_sum")[2], [6, 9])
        self.assertEqual(self.result("scope_dif_ference")[2], [4, 5])
        self.fails(2, "infer", "--plan_file=" + pb, "--input=" + a, "--input=in/b=" + b, says="NAME=")
        self.fails(2, "infer", "--plan_file=" + pb, "--input=in/a=" + a, "--input=in/a=" + b)

    def test_only_the_wanted_outputs_of_a_plan(self):
        pb = self.write("net.pb", graph(placeholder("x", (-1, 2)), op("y", "Relu", ["x"]), op("z", "Neg", ["x"])))
        self.ok("build", pb, "-o", self.path("m.PLAN"))
        x = self.npy("x.npy", (1, 2), [1, -2])
        self.infer(self.path("m.PLAN"), "--input=" + x, "--output-node=z")
        self.assertEqual(self.names("out"), ["z.npy"])
        self.assertEqual(self.result("z")[2], [-1, 2])
        self.fails(1, "infer", "--plan_file=" + self.path("m.PLAN"), "--input=" + x, "--output-node=q",
                   says=["'q'", "'y'", "'z'"])

    def test_names_of_outputs_that_fall_together_are_refused(self):
        pb = self.write("net.pb", graph(placeholder("x", (-1, 2)), op("a/b", "Relu", ["x"]), op("a b", "Neg", ["x"])))
        x = self.npy("x.npy", (1, 2), [1, -2])
        self.fails(1, "infer", "--plan_file=" + pb, "--input=" + x, "--output_folder=" + self.path("out"),
                   says=["'a/b'", "'a b'", "a_b.npy"])

    def test_scalars_integers_bools_doubles(self):
        pb = self.write("net.pb", graph(placeholder("s", ()), placeholder("x", (-1,)), op("y", "Mul", ["x", "s"])))
        self.infer(pb, "--input=s=" + self.npy("s.npy", (), [3]), "--input=x=" + self.npy("x.npy", (2,), [4, 5]))
        self.assertEqual(self.result(), ("<f4", (2,), [12, 15]))
        for dtype, descr, values in ((INT32, "<i4", [-7, 8]), (BOOL, "|b1", [True, False]), (UINT8, "|u1", [0, 255]),
                                     (DOUBLE, "<f8", [.1, -2])):
            self.infer(self.identity(dims=(-1,), dtype=dtype), "--input=" + self.npy("v.npy", (2,), values, descr))
            self.assertEqual(self.result(), (descr, (2,), values))

    def test_json_and_printed_arrays(self):
        pb = self.identity(dims=(-1, 2))
        x = self.npy("x.npy", (2, 2), [1, float("nan"), 0.1, float("inf")])
        self.assertEqual(self.ok("infer", "--plan_file=" + pb, "--input=" + x).out,
                         "y: f32 [2,2]\n[[1 nan]\n [0.1 inf]]\n")
        line = json.loads(self.ok("infer", "--plan_file=" + pb, "--input=" + x, "--json").out)
        self.assertEqual(line["outputs"]["y"][0], [1, None])
        self.assertClose(line["outputs"]["y"][1][:1], [0.1])
        self.assertIsNone(line["outputs"]["y"][1][1])

    def test_every_form_of_npy(self):
        pb = self.identity(dims=(2, 3))
        column_major = [1, 4, 2, 5, 3, 6]
        for kw in ({}, {"version": 2}, {"version": 3}, {"descr": ">f4"}):
            self.infer(pb, "--input=" + self.npy("x.npy", (2, 3), [1, 2, 3, 4, 5, 6], **kw))
            self.assertEqual(self.result()[1:], ((2, 3), [1, 2, 3, 4, 5, 6]), kw)
        for kw in ({}, {"descr": ">f4"}):
            self.infer(pb, "--input=" + self.npy("x.npy", (2, 3), column_major, fortran=True, **kw))
            self.assertEqual(self.result()[1:], ((2, 3), [1, 2, 3, 4, 5, 6]), kw)

    def test_broken_npy_files_are_refused(self):
        pb = self.identity(dims=(2, 3))
        good = npy_bytes("<f4", (2, 3), range(6))

        def with_header(text):
            text = text.encode()
            return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + bytes(24)
        broken = {"empty": b"", "garbage": b"garbage" * 40, "cut": good[:-1], "half a header": good[:40],
                  "version": good[:6] + b"\x09" + good[7:],
                  "objects": with_header("{'descr': '|O', 'fortran_order': False, 'shape': (2, 3), }"),
                  "record": with_header("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 3), }"),
                  "complex": with_header("{'descr': '<c8', 'fortran_order': False, 'shape': (1, 3), }"),
                  "no shape": with_header("{'descr': '<f4', 'fortran_order': False, }"),
                  "twice": with_header("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"),
                  "huge": with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }"),
                  "overflow": with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }"),
                  "negative": with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3), }"),
                  "deep": with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }")}
        for name, data in broken.items():
            x = self.write("x.npy", data)
            self.fails(1, "infer", "--plan_file=" + pb, "--input=" + x, "--output_folder=" + self.path("out"),
                       says="x.npy")
            self.assertFalse(os.path.exists(self.path("out")), name)

    def test_misfits_name_both_sides(self):
        pb = self.identity(dims=(-1, 3))
        self.ok("build", pb, "-o", self.path("m.PLAN"))
        plan = self.path("m.PLAN")
        self.fails(1, "infer", "--plan_file=" + plan, "--input=" + self.npy("x.npy", (2, 4), range(8)),
                   says=["f32 [2,4]", "'x'", "f32 [N,3]"])
        self.fails(1, "infer", "--plan_file=" + plan, "--input=" + self.npy("x.npy", (3,), range(3)),
                   says=["[3]", "[N,3]"])
        self.fails(1, "infer", "--plan_file=" + plan, "--input=" + self.npy("x.npy", (0, 3), []),
                   says=["[0,3]", "[N,3]"])
        self.fails(1, "infer", "--plan_file=" + plan, "--input=" + self.npy("x.npy", (2, 3), range(6), "<f8"),
                   says=["f64 [2,3]", "f32 [N,3]"])
        x = self.npy("x.npy", (2, 3), range(6))
        self.fails(1, "infer", "--plan_file=" + plan, "--input=z=" + x, says=["'z'", "'x'"])
        self.fails(2, "infer", "--plan_file=" + plan, says=["'x'", "--input=x=FILE.npy", "--image_path"])
        self.fails(2, "infer", "--plan_file=" + plan, "--input=" + x, "--image_path=a.png", says="--image_path")
        self.fails(2, "infer", "--plan_file=" + plan, "--input=" + x, "--labels=a.txt", says="--labels")
        self.fails(2, "infer", "--plan_file=" + plan, "--input==" + x, says="NAME=")

    def test_inputs_that_disagree_about_the_batch(self):
        pb = self.write("net.pb", graph(placeholder("a", (-1, 2)), placeholder("b", (-1, 2)),
                                        op("y", "AddV2", ["a", "b"])))
        self.ok("build", pb, "-o", self.path("m.PLAN"), "--max_batch_size=4")
        self.fails(1, "infer", "--plan_file=" + self.path("m.PLAN"), "--input=a=" + self.npy("a.npy", (2, 2), range(4)),
                   "--input=b=" + self.npy("b.npy", (4, 2), range(8)), says="batch")

    def test_goldens_of_tensorflow(self):
        folder = os.path.join(ROOT, "tests", "golden", "net")
        for name in ("net_088", "net_153", "net_380"):
            outputs = sorted(f for f in os.listdir(folder) if f.startswith(name + ".b3.out"))
            inputs = sorted(f for f in os.listdir(folder) if f.startswith(name + ".b3.in"))
            self.infer(os.path.join(folder, name + ".pb"),
                       "--output-node=" + ",".join(["output", "output_1"][:len(outputs)]),
                       *["--input=%s=%s/%s" % (n, folder, f) for n, f in zip(["input", "input_1"], inputs)])
            for n, f in zip(["output", "output_1"], outputs):
                wanted, got = read_npy(os.path.join(folder, f)), self.result(n)
                self.assertEqual(got[:2], wanted[:2])
                self.assertClose(got[2], wanted[2], 1e-3)


# ------------------------------------------------------------------------------------------------------------ convert

class Convert(CliTest):
    def two(self):
        return self.write("net.pb", graph(placeholder("x", (-1, 4)), op("y", "Relu", ["x"]), op("z", "Neg", ["y"])))

    def outputs(self, path):
        return [t["name"] for t in json.loads(self.ok("info", "--json", path).out)["outputs"]]

    def test_names_of_files(self):
        pb = self.two()
        for output, made in ((None, "net.uff"), ("a.uff", "a.uff"), ("b", "b.uff"), ("c.old.pb", "c.old.uff"),
                             ("d.e/f", "d.e/f.uff")):
            r = self.ok("convert", pb, *(["-o", self.path(output)] if output else []))
            self.assertTrue(os.path.isfile(self.path(made)), made)
            self.assertTrue(r.out.startswith("Loading %s\n" % pb), r)

    def test_outputs_by_name_number_and_default(self):
        pb = self.two()
        for flags, wanted in (([], ["z"]), (["-O", "y"], ["y"]), (["-O", "y", "-O", "z"], ["y", "z"]),
                              (["--output-node=y,z"], ["y", "z"]),
                              (["-O", "2"], ["y"]), (["-O", "-1"], ["z"])):
            self.ok("convert", pb, "-o", self.path("m.uff"), *flags)
            self.assertEqual(sorted(self.outputs(self.path("m.uff"))), wanted, flags)
        self.fails(1, "convert", pb, "-O", "9", says="9")
        self.fails(1, "convert", pb, "-O", "nothing", says="nothing")

    def test_listing_writes_nothing(self):
        r = self.ok("convert", "-l", self.two())
        self.assertEqual(r.out, '1 Placeholder: "x"\n2 Relu: "y"\n3 Neg: "z"\n')
        self.assertEqual(self.names(), ["net.pb"])

    def test_text_form(self):
        self.ok("convert", "-t", self.two(), "-o", self.path("m.uff"))
        self.assertEqual(self.names(), ["m.pbtxt", "m.uff", "net.pb"])
        with open(self.path("m.pbtxt")) as f:
            self.assertIn('id: "y"', f.read())

    def test_tensorrt_3s_spelling(self):
        pb = self.two()
        for words in (["tensorflow", "--input-file", pb], ["tensorflow", "--input_file=" + pb], ["tensorflow", pb],
                      ["--input-file=" + pb]):
            self.ok("convert", *words, "-o", self.path("m.uff"), "-O", "z")
            os.remove(self.path("m.uff"))
        self.fails(2, "convert", "--input-file=" + pb, pb, says="two input files")

    def test_inputs_can_be_redefined(self):
        self.ok("convert", self.two(), "-o", self.path("m.uff"), "-I", "x,fed,float32,-1,8")
        info = json.loads(self.ok("info", "--json", self.path("m.uff")).out)
        self.assertEqual([(t["name"], t["shape"]) for t in info["inputs"]], [("fed", [-1, 8])])
        self.fails(1, "convert", self.two(), "-I", "x,fed", says="x,fed")

    def test_quiet_debug_and_what_is_refused(self):
        pb = self.two()
        r = self.ok("convert", "-q", pb)
        self.assertEqual(r.out + r.err, "")
        self.assertGreater(len(self.ok("convert", "-d", pb).err), len(self.ok("convert", pb).err))
        self.fails(2, "convert", "-p", "config.py", pb, says=["config.py", "Python"])
        self.fails(2, "convert", "--write_preprocessed", pb, says="--write_preprocessed")


# --------------------------------------------------------------------------------------------------------- info, bench

class InfoAndBench(CliTest):
    def test_info_of_every_kind(self):
        pb = self.write("net.pb", graph(placeholder("x", (-1, 4)), op("y", "Relu", ["x"])))
        self.ok("convert", pb, "-q")
        self.ok("build", pb, "-q")
        sample, saved = os.path.join(ROOT, "sample",
                                     "checkpoint"), os.path.join(ROOT, "tests", "golden", "ckpt", "savedmodel_tf1")
        v1 = os.path.join(ROOT, "tests", "golden", "ckpt", "v1_single")
        for path, kind in ((pb, "GraphDef"), (self.path("net.uff"), "UFF"), (self.path("net.PLAN"), "PLAN"),
                           (sample, "checkpoint V2"),
                           (os.path.join(sample, "model.ckpt-2622"), "checkpoint V2"), (v1, "checkpoint V1"),
                           (saved, "SavedModel"),
                           (os.path.join(sample, "model.ckpt-2622.meta"), "MetaGraphDef")):
            self.assertIn(kind, self.ok("info", path).out.splitlines()[0])
            info = json.loads(self.ok("info", "--json", path).out)
            self.assertEqual(info["kind"], kind)
            self.assertEqual(sorted(info), ["file", "file_bytes", "inputs", "kind", "lines", "nodes", "ops", "outputs",
                                            "tensors", "weight_bytes"])
            self.assertEqual(sum(info["ops"].values()), len(info["nodes"]), path)

    def test_what_info_says_of_a_graph(self):
        pb = self.write("net.pb", graph(placeholder("x", (-1, 4), INT32), op("y", "Abs", ["x"], INT32),
                                        op("z", "Abs", ["y"], INT32)))
        info = json.loads(self.ok("info", "--json", pb).out)
        self.assertEqual(info["file_bytes"], os.path.getsize(pb))
        self.assertEqual(info["ops"], {"Abs": 2, "Placeholder": 1})
        self.assertEqual(info["nodes"][2], {"name": "z", "op": "Abs"})
        self.assertEqual(info["inputs"], [{"name": "x", "dtype": "i32", "shape": [-1, 4]}])
        self.assertEqual([t["name"] for t in info["outputs"]], ["z"])
        text = self.ok("info", "--nodes", pb).out
        self.assertIn("x  i32 [?,4]", text)
        self.assertIn("    3 Abs: z\n", text)

    def test_a_variable_of_the_sample(self):
        info = json.loads(self.ok("info", "--json", os.path.join(ROOT, "sample", "checkpoint")).out)
        self.assertIn({"name": "conv1/weights", "dtype": "f32", "shape": [3, 3, 3, 16]}, info["tensors"])

    def test_info_builds_a_graph_when_asked(self):
        pb = self.write("net.pb", graph(placeholder("x", (-1, -1)), op("y", "Relu", ["x"]), op("z", "Neg", ["y"])))
        engine = json.loads(self.ok("info", "--json", pb, "--output-node=y", "--dimensions=6").out)["engine"]
        self.assertEqual([(t["name"], t["shape"]) for t in engine["inputs"] + engine["outputs"]],
                         [("x", [-1, 6]), ("y", [-1, 6])])
        self.assertEqual(len(engine["layers"]), 1)
        self.assertIn("engine: 1 layers", self.ok("info", pb, "-O", "y", "--dimensions=6").out)

    def test_hostile_names_do_not_reach_the_terminal(self):
        pb = self.write("net.pb", graph(placeholder("x", (-1, 4)), op("y\x1b[2J", "Relu", ["x"]),
                                        op("z\n\x07", "Neg", ["y\x1b[2J"])))
        for args in (("info", "--nodes", pb), ("convert", "-l", pb)):
            text = self.ok(*args).out
            self.assertNotIn("\x1b", text)
            self.assertNotIn("\x07", text)
        self.assertEqual(json.loads(self.ok("info", "--json", pb).out)["nodes"][1]["name"], "y\x1b[2J")
        r = floe("bench", pb, "--duration=0")
        self.assertNotIn("\x1b", r.out + r.err)
        self.assertNotIn("\x1b", floe("build", pb, "-v", "-O", "nothing").err)

    def test_names_that_are_no_utf8_stay_valid_json(self):
        pb = self.write("net.pb", graph(placeholder("x", (-1, 4)), op(b"y\xff\xc3", "Relu", ["x"])))
        self.assertEqual(json.loads(self.ok("info", "--json", pb).out)["nodes"][1]["name"], "y\ufffd\ufffd")

    def test_bench_in_json(self):
        pb = self.write("net.pb", graph(placeholder("x", (-1, 64)), op("y", "Softmax", ["x"])))
        self.ok("build", pb, "-q", "--max_batch_size=4")
        for path, flags in ((self.path("net.PLAN"), ["--batch=4"]), (self.path("net.PLAN"), []),
                            (pb, ["--batch", "3", "--opt-level=0"])):
            r = self.ok("bench", path, "--duration=.05", "--threads=1", "--json", *flags)
            b = json.loads(r.out)
            self.assertEqual(r.err, "")
            latency = b["latency_ms"]
            order = [latency[k] for k in ("min", "median", "p90", "p95", "p99")]
            self.assertEqual(order, sorted(order))
            self.assertGreater(order[0], 0)
            self.assertGreater(b["runs"], 10)
            self.assertLessEqual(b["throughput"], b["batch"] * 1000 / latency["min"])
            self.assertTrue(b["layers"] and all(l["us"] > 0 and l["tactic"].startswith("cpu.") for l in b["layers"]))
            self.assertClose([sum(l["percent"] for l in b["layers"])], [100])

    def test_bench_as_text(self):
        pb = self.write("net.pb", graph(placeholder("x", (-1, 64)), op("y", "Softmax", ["x"])))
        out = self.ok("bench", pb, "--duration=0").out
        for text in ("latency ms: min ", "throughput: ", "cpu.softmax."):
            self.assertIn(text, out)

    def test_bench_above_the_maximum_batch(self):
        pb = self.write("net.pb", graph(placeholder("x", (-1, 4)), op("y", "Relu", ["x"])))
        self.ok("build", pb, "-q", "--max_batch_size=2")
        self.fails(1, "bench", self.path("net.PLAN"), "--batch=3", says=["--batch=3", "maximum of 2"])
        self.fails(2, "bench", self.path("net.PLAN"), "--duration=-1", says="--duration")


# ----------------------------------------------------------------------------------------------------------- failures

class Failures(CliTest):
    def commands(self, path):
        """Every command, reading this file."""
        out = self.path("result")
        return [["freeze", "--checkpoint_folder=" + path, "--output_node_names=y", "--output_graph=" + out],
                ["deploy", "--frozen_file=" + path, "-i", "x", "-d", "4", "-o", "y", "-f", out],
                ["infer", "--plan_file=" + path, "--image_path=" + self.picture()],
                ["infer", "--plan_file=" + path, "--input=x=" + self.write("x.npy",
                                                                           npy_bytes("<f4", (1, 4), range(4)))],
                ["convert", path, "-o", out], ["build", path, "-o", out], ["info", path],
                ["bench", path, "--duration=0"]]

    def test_inputs_that_are_missing_empty_folders_or_of_another_kind(self):
        os.mkdir(self.path("folder"))
        pb = self.identity("good.pb", dims=(-1, 4))
        self.ok("build", pb, "-o", self.path("good.PLAN"))
        with open(self.path("good.PLAN"), "rb") as f:
            plan = f.read()
        files = {"missing": None, "folder": None, "empty": b"", "text": b"hello, world\n" * 50, "zeros": bytes(5000),
                 "picture.png": png_bytes(2, 2, 3, PICTURE), "cut.PLAN": plan[:len(plan) // 2],
                 "flipped.PLAN": plan[:200] + b"\xff" + plan[201:],
                 "cut.pb": open(pb, "rb").read()[:30]}
        for name, data in files.items():
            if data is not None:
                self.write(name, data)
            for command in self.commands(self.path(name)):
                if (name, command[0]) == ("picture.png", "infer"):
                    command = command[:2] + [self.path(name)]
                self.fails(1, *command, says=name)
                self.assertFalse(os.path.exists(self.path("result")), command)
                self.assertFalse(os.path.exists(self.path("result.uff")), command)

    @unittest.skipIf(os.geteuid() == 0, "root reads everything")
    def test_inputs_without_permission(self):
        pb = self.identity("secret.pb", dims=(-1, 4))
        os.chmod(pb, 0)
        for command in self.commands(pb):
            self.fails(1, *command, says="secret.pb")

    def test_a_plan_in_place_of_a_graph(self):
        self.ok("build", self.identity(), "-o", self.path("m.PLAN"))
        for command in (["convert", self.path("m.PLAN")], ["build", self.path("m.PLAN"), "-o", self.path("n.PLAN")],
                        ["freeze", "--checkpoint_folder=" + self.path("m.PLAN"), "--output_node_names=y",
                         "--output_graph=" + self.path("n")]):
            self.fails(1, *command, says="m.PLAN")

    def test_stdout_that_cannot_be_written(self):
        pb = self.identity(dims=(-1, 4))
        x = self.write("x.npy", npy_bytes("<f4", (1, 4), range(4)))
        sample = os.path.join(ROOT, "sample", "checkpoint")
        for args in (["--help"], ["--version"], ["help", "infer"],
                     ["freeze", "--checkpoint_folder=" + sample, "--output_node_names=softmax_tensor",
                                                                  "--output_graph=" + self.path("f.pb")],
                     ["deploy", "--frozen_file=" + pb, "-d", "4", "-o", "y", "-f", self.path("m.PLAN")],
                     ["convert", pb], ["build", pb],
                     ["convert", "-l", pb], ["info", pb], ["info", "--json", pb], ["bench", pb, "--duration=0"],
                     ["bench", pb, "--duration=0", "--json"],
                     ["infer", "--plan_file=" + pb, "--input=" + x],
                     ["infer", "--plan_file=" + pb, "--input=" + x, "--json"],
                     ["build", "--list-passes"]):
            with open("/dev/full", "wb") as full:
                p = subprocess.run([FLOE] + args, stdout=full, stderr=subprocess.PIPE)
            lines = [l for l in p.stderr.decode().splitlines() if l.startswith("floe: error: ")]
            self.assertEqual((p.returncode, len(lines)), (1, 1), (args, p.stderr))
            self.assertIn("No space left", lines[0])

    def test_stdout_that_is_closed(self):
        p = subprocess.run(["sh", "-c", '"$0" info "$1" >&-', FLOE, self.identity()], stderr=subprocess.PIPE)
        self.assertEqual(p.returncode, 1)
        self.assertIn(b"floe: error: ", p.stderr)

    def test_a_reader_that_goes_away_is_no_crash(self):
        p = subprocess.run(["sh", "-c", '"$0" help infer | head -1', FLOE], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE)
        self.assertEqual((p.returncode, p.stderr), (0, b""))

    def test_outputs_that_cannot_be_written_leave_nothing(self):
        pb = self.identity(dims=(-1, 4))
        x = self.write("x.npy", npy_bytes("<f4", (1, 4), range(4)))
        self.write("file", b"in the way")
        before = self.names()
        for target in (self.path("file/m.PLAN"), self.dir, "/dev/full", "/proc/nothing/m.PLAN"):
            self.fails(1, "build", pb, "-o", target, says=target.split("/m.PLAN")[0])
            self.fails(1, "deploy", "--frozen_file=" + pb, "-d", "4", "-o", "y", "-f", target)
        self.fails(1, "convert", pb, "-o", "/dev/full", says="/dev/full")
        self.fails(1, "freeze", "--checkpoint_folder=" + os.path.join(ROOT, "sample", "checkpoint"),
                   "--output_node_names=softmax_tensor",
                   "--output_graph=/dev/full", says="/dev/full")
        self.fails(1, "infer", "--plan_file=" + pb, "--input=" + x, "--output_folder=" + self.path("file"), says="file")
        self.assertEqual(self.names(), before)

    def test_a_failed_build_leaves_the_old_plan(self):
        self.write("m.PLAN", b"the old one")
        pb = self.write("net.pb", graph(placeholder("x", (-1, 4)), op("y", "NoSuchOp", ["x"])))
        self.fails(1, "build", pb, "-o", self.path("m.PLAN"), says="NoSuchOp")
        with open(self.path("m.PLAN"), "rb") as f:
            self.assertEqual(f.read(), b"the old one")
        self.assertEqual(self.names(), ["m.PLAN", "net.pb"])

    def test_strings_are_refused_by_name(self):
        value = block(8, number(1, 7) + block(2, shape_proto((2,))) + block(8, "cat") + block(8, "dog"))
        labels = node("labels", "Const", (), attr("dtype", number(6, 7)), attr("value", value))
        pb = self.write("net.pb", graph(placeholder("x", (-1, 4)), op("y", "Relu", ["x"]), labels,
                                        op("names", "Identity", ["labels"], 7)))
        r = self.ok("convert", pb, "-o", self.path("net.uff"))
        self.assertIn("floe: note: Warning: Leaving out the strings of labels: UFF has no place for them.", r.err)
        for model in (pb, self.path("net.uff")):
            for command in (["build", model, "-o", self.path("m.PLAN")], ["bench", model, "--duration=0"]):
                r = self.fails(1, *command, says="node 'labels': a constant of strings: floe calculates with numbers "
                                                 "and bools; name outputs that do not need it")
                self.assertTrue(r.err.startswith("floe: error: " + model), r)
        self.ok("build", pb, "-O", "y", "-o", self.path("m.PLAN"))
        pb = self.write("strings.pb", graph(placeholder("x", (-1, 4), 7), op("y", "Identity", ["x"], 7)))
        self.fails(1, "build", pb, "-o", self.path("s.PLAN"), says=["strings.pb: node 'x': an input of strings"])

    def test_pictures_that_are_not_there(self):
        pb = self.identity()
        os.mkdir(self.path("empty"))
        self.fails(1, "infer", "--plan_file=" + pb, "--image_path=" + self.path("empty"),
                   says="no picture in this folder")
        self.fails(1, "infer", "--plan_file=" + pb, "--image_path=" + self.path("*.jpg"), says="no file fits")
        self.fails(1, "infer", "--plan_file=" + pb, "--image_path=" + self.path("none.png"), says="none.png")
        self.fails(1, "infer", "--plan_file=" + pb, "--labels=" + self.path("none.txt"), self.picture(),
                   says="none.txt")

    def test_results_can_go_through_a_pipe(self):
        pb = self.identity(dims=(-1, 4))
        for args in (["build", pb, "-o", "/dev/stdout"], ["convert", pb, "-q", "-o", "/dev/stdout"]):
            p = subprocess.run([FLOE] + args, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.assertEqual(p.returncode, 0, p.stderr)
            self.write("piped", p.stdout)
            self.assertIn("x", [t["name"] for t in json.loads(self.ok("info", "--json",
                                                                      self.path("piped")).out)["inputs"]])


# ----------------------------------------------------------------------------------------------------------- terminal

class Terminal(CliTest):
    def on_terminal(self, *args):
        """stderr of the program when it is a terminal."""
        master, slave = pty.openpty()
        p = subprocess.Popen([FLOE] + list(args), stdout=subprocess.DEVNULL, stderr=slave)
        os.close(slave)
        seen = b""
        while True:
            try:
                data = os.read(master, 4096)
            except OSError:  # Linux says EIO when the last writer has closed
                break
            if not data:
                break
            seen += data
        os.close(master)
        self.assertEqual(p.wait(), 0)
        return seen.decode()

    def test_progress_is_shown_on_a_terminal_and_cleared(self):
        pb = self.write("net.pb", graph(placeholder("x", (-1, 64)), op("y", "Softmax", ["x"])))
        seen = self.on_terminal("bench", pb, "--duration=.3")
        self.assertIn("\rmeasuring: ", seen)
        self.assertTrue(seen.endswith(" \r"), repr(seen[-100:]))
        self.assertEqual(self.on_terminal("bench", pb, "--duration=.3", "--quiet"), "")

    def test_nothing_is_shown_in_a_pipe(self):
        pb = self.write("net.pb", graph(placeholder("x", (-1, 64)), op("y", "Softmax", ["x"])))
        self.assertEqual(self.ok("bench", pb, "--duration=.3").err, "")


def main():
    if not os.access(FLOE, os.X_OK):
        print("%s is not there; make it first" % FLOE)
        return 1
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    for test, why in result.skipped:
        print("SKIPPED %s: %s" % (test.id(), why))
    failed = len(result.failures) + len(result.errors)
    print("%d passed, %d failed" % (result.testsRun - failed - len(result.skipped), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
