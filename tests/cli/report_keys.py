#!/usr/bin/env python3
"""The keys of every JSON report, in one table: a report has exactly these, in every item of its lists.

    report_keys.py NAME=FILE...

FILE holds what a tool printed: one report, or with several lines as many of that kind.
"""
import json
import sys

ANY = object()  # what the user wrote


def keys(names="", **inner):
    """An object with these keys, of which those in `inner` hold objects [in lists] themselves."""
    return {**dict.fromkeys(names.split()), **inner}


def evaluation(times, training=keys("steps seed images"), **sections):
    """What flow-eval says about a model: the part that is always there, and these sections."""
    return keys("schema tool warnings", training=training,
                model=keys("name preset arch fingerprint params", configuration=ANY),
                data=keys("images dims_per_image"), time_s=keys(times),
                env=keys("libtorch threads seed"), **sections)


def training_log(figures):
    return keys("step epoch elapsed_s lr grad_norm images_per_s " + figures)


def listing(files):
    return [keys(
        "file file_bytes images payload_bytes overhead_bytes truncated",
        frames=[keys("offset bytes images width height channels bits tiles_per_image model fingerprint step "
                     "lossless model_layers overhead_bytes", layers=[keys("name bytes whole")],
                     files=files)])]


def training(figures):
    return keys("schema step parameters", measured=keys("held_out_images " + figures))


def curve(figures):
    return keys("steps seed images", curve=[keys("step " + figures)])


CODED_LAYER = "name payload_bytes ideal_bytes model_blocks plain_blocks"
CODE = keys("step lossless file_bytes file_bits_per_dim overhead_bytes_per_image ideal_bits_per_dim",
            layers=[keys(CODED_LAYER + " payload_bytes_per_image gap_percent prefix_bytes_per_image "
                         "prefix_bits_per_dim psnr_db images_made_worse_percent")])
LIKELIHOOD = keys("bits_per_dim stderr log_likelihood_nats_per_image definition noise_draws "
                  "function_evaluations",
                  parts_bits_per_dim=keys("z r log_det pre_transform offset"),
                  logdet=keys("method terms probes bias_bound"))
FROM_Z = "layers_used psnr_db psnr_db_mean_of_images ssim"
INVERSE = "max_abs_error rms_error iterations_max iterations_mean error_bound lipschitz_bound " \
          "lipschitz_bound_of_blocks"
SHARPNESS = "kernel on data data_stderr"
OF_SAMPLES = " samples samples_stderr samples_count"
OF_RECONSTRUCTIONS = " reconstructions reconstructions_stderr"
SAMPLE = "temperature residual_temperature sharpness sharpness_stderr"
MAP = keys("method variance_shares points")
ALL_FROM_Z = keys(SHARPNESS + OF_SAMPLES + OF_RECONSTRUCTIONS)
HELD_OUT = "held_out_bits_per_dim held_out_bits_per_dim_stderr"
TIMES = "load samples encode decode_z"

TABLE = {
    "pie-encode": [keys("input output images raw_bytes file_bytes bits_per_dim coder",
                        layers=[keys(CODED_LAYER)])],
    "pie-decode-list": listing(ANY),  # none
    "pie-decode-list-named": listing([keys("name metadata")]),
    "pie-decode-test": [keys("file ok")],
    "pie-decode-breakpoints": [keys("file layer offset")],

    "pie-train": training(HELD_OUT + " held_out_psnr_db_from_z"),
    "pie-train-alone": keys("schema step parameters", measured=keys()),
    "pie-train-classify": training("held_out_error_percent"),
    "pie-train-hybrid": training(HELD_OUT + " held_out_error_percent"),
    "pie-train-wae": training("held_out_psnr_db_from_z"),
    "log": training_log("train_bits_per_dim"),
    "log-validated": training_log("train_bits_per_dim val_bits_per_dim val_psnr_db_from_z"),
    "log-classify": training_log("train_cross_entropy val_error_percent"),
    "log-hybrid": training_log(
        "train_bits_per_dim train_cross_entropy val_bits_per_dim val_error_percent"),
    "log-wae": training_log("train_loss_per_dim val_psnr_db_from_z"),

    "flow-eval-images": keys("schema warnings", data=keys("images"), sharpness=keys(SHARPNESS)),
    "flow-eval-features": keys("schema warnings", data=keys("images"),
                               images=keys("images frechet_distance")),
    "flow-eval": evaluation(
        TIMES + " likelihood reconstruction latents decode_r_4 decode_r_3 decode_r_2 decode_r_1",
        curve("held_out_bits_per_dim held_out_psnr_db_from_z"), likelihood=LIKELIHOOD,
        reconstruction=keys(FROM_Z), sharpness=ALL_FROM_Z, samples=[keys(SAMPLE)],
        latents=keys("dims", map=MAP), code=CODE),
    # With --neighbours, --features and --html.
    "flow-eval-more": evaluation(
        TIMES + " likelihood reconstruction latents decode_r_4 decode_r_3 decode_r_2 decode_r_1",
        curve("held_out_bits_per_dim held_out_psnr_db_from_z"), likelihood=LIKELIHOOD,
        reconstruction=keys(FROM_Z + " labels_kept_percent labels_kept_percent_of_originals"),
        sharpness=ALL_FROM_Z, samples=[keys(SAMPLE + " frechet_distance")],
        latents=keys("dims labels_by_nearest_neighbour_percent", map=MAP),
        code={**CODE, "baselines": [
            keys("name", points=[keys("quality bits_per_dim psnr_db")])]}),
    "flow-eval-iresnet": evaluation(
        TIMES + " likelihood inversion latents", likelihood=LIKELIHOOD,
        reconstruction=keys(inverse=keys(
            INVERSE, by_iterations=[keys("iterations max_abs_error rms_error")])),
        sharpness=keys(SHARPNESS + OF_SAMPLES), samples=[keys(SAMPLE)],
        latents=keys("dims", map=MAP), code=CODE),
    "flow-eval-classifier": evaluation(
        "load inversion classification", curve("held_out_error_percent"),
        reconstruction=keys(inverse=keys(INVERSE)), sharpness=keys(SHARPNESS),
        classification=keys("error_percent")),
    "flow-eval-integer": evaluation(
        TIMES + " likelihood reconstruction decode_r_3 decode_r_2 decode_r_1",
        curve("held_out_bits_per_dim held_out_psnr_db_from_z"),
        likelihood=LIKELIHOOD, reconstruction=keys(FROM_Z), sharpness=ALL_FROM_Z,
        samples=[keys(SAMPLE)], code=CODE),
    "flow-eval-vae": evaluation(
        TIMES + " likelihood reconstruction latents decode_r_1",
        curve("held_out_bits_per_dim held_out_psnr_db_from_z"), likelihood=LIKELIHOOD,
        reconstruction=keys(FROM_Z), sharpness=ALL_FROM_Z, samples=[keys(SAMPLE)],
        latents=keys("dims", map=MAP), code=CODE),
    "flow-eval-wae": evaluation(
        TIMES + " reconstruction latents decode_r_1", curve("held_out_psnr_db_from_z"),
        reconstruction=keys(FROM_Z), sharpness=ALL_FROM_Z, samples=[keys(SAMPLE)],
        latents=keys("dims", map=MAP), code=CODE),
}


def differences(value, wanted, path):
    if wanted is ANY:
        return []
    if isinstance(wanted, list):
        if not isinstance(value, list) or not value:
            return [f"{path} is not a list of objects"]
        return [d for item in value for d in differences(item, wanted[0], path + "[]")]
    if isinstance(wanted, dict):
        if not isinstance(value, dict):
            return [f"{path} is not an object"]
        found = [f"{path}.{key} is missing" for key in wanted.keys() - value.keys()]
        found += [f"{path}.{key} is not in the table" for key in value.keys() - wanted.keys()]
        return found + [d for key in wanted.keys() & value.keys()
                        for d in differences(value[key], wanted[key], f"{path}.{key}")]
    items = value if isinstance(value, list) else [value]
    return [f"{path} holds keys that are not in the table"] if any(
        isinstance(item, dict) for item in items) else []


def reports(path):
    text = open(path).read()
    decoder, begin = json.JSONDecoder(), 0
    while begin < len(text.rstrip()):
        report, begin = decoder.raw_decode(text, begin)
        yield report
        begin += len(text[begin:]) - len(text[begin:].lstrip())


found = set()
for name, path in (argument.split("=") for argument in sys.argv[1:]):
    for report in reports(path):
        found.update(f"{name}: {d}" for d in differences(report, TABLE[name], ""))
unused = TABLE.keys() - {argument.split("=")[0] for argument in sys.argv[1:]}
found.update(f"{name}: no report was given" for name in unused)
for line in sorted(found):
    print(line)
sys.exit(bool(found))
