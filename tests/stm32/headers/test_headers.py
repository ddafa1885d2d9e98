"""Headers of ST's applications: golden files, C and C++ compilers, refusals."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from zoo_core.errors import UserError
from zoo_stm32.headers import FAMILIES, read_values, render_headers, write_headers

GOLDEN = Path(__file__).parent / "golden"
H7, N6 = "STM32H7", "STM32N6"
BOARDS = {H7: "STM32H747I-DISCO", N6: "STM32N6570-DK"}
USUAL = {"confidence_threshold": 0.6, "iou_threshold": 0.5, "max_boxes": 10}
EDGES = [[0, 1], [1, 2, "UTIL_LCD_COLOR_BLUE"]]
DECODING: dict[str, dict[str, Any]] = {
    "classification": {"type": "classification", "output": "logits", "activation": "softmax", "top": 5},
    "st_ssd": {"family": "st_ssd", **USUAL, "total_boxes": 3830},
    "ssd_fpnlite": {
        "family": "ssd_fpnlite",
        **USUAL,
        "total_boxes": 2,
        "xy_scale": 10,
        "wh_scale": 5.0,
        "anchor_boxes": [[0.1, 0.2, 0.3, 0.4], [0.5, 0.5, 1.0, 1.0]],
    },
    "yolov2": {
        "family": "tiny_yolo_v2",
        **USUAL,
        "grid_height": 6,
        "grid_width": 7,
        "anchor_sizes": [[0.573, 0.677], [1.87, 2.06]],
    },
    "st_yolox": {
        "family": "st_yoloxn",
        **USUAL,
        "strides": [8, 16, 32],
        "level_anchors": [[[30, 30]], [[15, 15]], [[7.5, 7.5]]],
    },
    "yolov8": {"family": "yolov8n", **USUAL, "total_boxes": 1344},
    "blazeface": {
        "family": "face_detect_front",
        **USUAL,
        "keypoints": 6,
        "anchors_0": [[0.03125, 0.03125]] * 4,
        "anchors_1": [[0.0625, 0.0625]] * 3,
    },
    "ssd": {
        "family": "ssd",
        **USUAL,
        "xy_variance": 0.1,
        "wh_variance": 0.2,
        "anchor_boxes": [[0.5, 0.5, 0.1, 0.1]] * 3,
    },
    "st_yolod": {"family": "st_yolod", **USUAL, "strides": [8, 16, 32]},
    "heatmaps_spe": {
        "family": "heatmaps_spe",
        "confidence_threshold": 0.25,
        "keypoints": 13,
        "heatmap_height": 48,
        "heatmap_width": 64,
        "bindings": EDGES,
    },
    "yolo_mpe": {"family": "yolo_mpe", **USUAL, "total_boxes": 1344, "keypoints": 17, "bindings": EDGES},
    "embedding": {"family": "embedding", "features": 256},
}
APP = {
    "max_object_detect": 10,
    "max_object_tracking": 20,
    "score_threshold": 0.5,
    "lost_time_in_ms": 5000,
    "start_tracking_conf_threshold": 0.7,
}
CASES = [(series, family.name) for family in FAMILIES for series in family.types]

# What a reader of section 6.7 of the notes works out by hand, as C expressions that must hold.
FACTS: dict[tuple[str, str], tuple[str, ...]] = {
    (H7, "classification"): (
        "NB_CLASSES == 3 && INPUT_HEIGHT == 192 && INPUT_WIDTH == 256 && INPUT_CHANNELS == 3",
        "ASPECT_RATIO_MODE == 2 && PP_COLOR_MODE == 1 && QUANT_INPUT_TYPE == 1 && QUANT_OUTPUT_TYPE == 3",
        "CAMERA_INTERFACE == 1 && CAMERA_SENSOR == 1 && DISPLAY_INTERFACE == 1",
    ),
    (H7, "st_ssd"): ("POSTPROCESS_TYPE == 3", "NB_CLASSES == 4", "AI_OBJDETECT_SSD_ST_PP_NB_CLASSES == 4"),
    (H7, "ssd_fpnlite"): ("POSTPROCESS_TYPE == 4", "AI_OBJDETECT_SSD_PP_XY_SCALE == 10.0f"),
    (H7, "yolov2"): (
        "POSTPROCESS_TYPE == 2",
        "AI_OBJDETECT_YOLOV2_PP_NB_INPUT_BOXES == 42",
        "sizeof(AI_OBJDETECT_YOLOV2_PP_ANCHORS) == 4 * sizeof(float)",
    ),
    (H7, "st_yolox"): (
        "POSTPROCESS_TYPE == 5",
        "AI_OBJDETECT_YOLOVX_PP_L_GRID_WIDTH == 32 && AI_OBJDETECT_YOLOVX_PP_L_GRID_HEIGHT == 24",
        "AI_OBJDETECT_YOLOVX_PP_M_NB_INPUT_BOXES == 16 * 12 && AI_OBJDETECT_YOLOVX_PP_S_NB_INPUT_BOXES == 8 * 6",
    ),
    (N6, "classification"): ("ASPECT_RATIO_MODE == 1", "COLOR_MODE == 1", "NB_CLASSES == 3"),
    (N6, "st_yolod"): (
        "AI_OD_YOLO_D_PP_IMG_WIDTH == 256 && AI_OD_YOLO_D_PP_IMG_HEIGHT == 192",
        "AI_OD_YOLO_D_PP_STRIDE_0 == 8 && AI_OD_YOLO_D_PP_STRIDE_2 == 32 && AI_OD_YOLO_D_PP_CONF_THRESHOLD == 0.6f",
    ),
    (N6, "ssd"): ("AI_OD_SSD_PP_NB_CLASSES == 4 && AI_OD_SSD_PP_TOTAL_DETECTIONS == 3", "NB_CLASSES == 4"),
    (N6, "blazeface"): (
        "AI_OD_BLAZEFACE_PP_OUT_0_NB_BOXES == 4 && AI_OD_BLAZEFACE_PP_OUT_1_NB_BOXES == 3",
        "AI_OD_BLAZEFACE_PP_IMG_SIZE == 256",
    ),
    (N6, "heatmaps_spe"): (
        "AI_SPE_MOVENET_POSTPROC_HEATMAP_WIDTH == 64 && AI_SPE_MOVENET_POSTPROC_NB_KEYPOINTS == 13",
        "BINDINGS_NB == 2",
    ),
    (N6, "yolo_mpe"): ("AI_MPE_YOLOV8_PP_TOTAL_BOXES == 1344 && AI_POSE_PP_POSE_KEYPOINTS_NB == 17",),
    (N6, "embedding"): (
        "NN_REID_NB_FEATURES == 256 && APP_LOST_TIME_IN_MS == 5000 && APP_MAX_OBJECT_TRACKING == 20",
        "NN_REID_WIDTH == 256 && NN_REID_HEIGHT == 192 && APP_SCORE_THRESHOLD == 0.5f",
    ),
}


def metadata(family: str) -> dict[str, Any]:
    return {
        "use_case": "any",
        "class_names": ["daisy", 'say "hi"', "père\\??/"],
        "preprocessing": {"input": [3, 192, 256], "aspect_ratio": "crop", "color_mode": "rgb", "scale": 1.0},
        "decoding": DECODING[family],
    }


def values(series: str, family: str, **more: Any):
    return read_values(
        metadata(family), series=series, board=more.pop("board", BOARDS[series]), model="m_qdq.onnx", app=APP, **more
    )


@pytest.mark.parametrize(("series", "family"), CASES)
def test_headers_are_the_golden_ones(series: str, family: str) -> None:
    folder = GOLDEN / series / family
    rendered = render_headers(values(series, family))
    assert rendered == {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def checking_source(folder: Path, checks: tuple[str, ...], language: str) -> Path:
    """Write a program that includes the headers twice, defines their tables, and states what must hold."""
    keyword = "_Static_assert" if language == "c" else "static_assert"
    others = sorted(path.name for path in folder.glob("*anchors*.h"))
    main = next(path.name for path in folder.glob("*_config.h"))
    name = f"{folder.parent.name}_{folder.name}"
    lines = [
        *(f'#include "{header}"' for header in (main, main, *others)),
        "static CLASSES_TABLE;",
        "#ifdef USE_BINDINGS\nstatic BINDINGS;\n#endif",
        *(f'{keyword}({check}, "{index}");' for index, check in enumerate(checks)),
        f"const char *last_{name}(void);\nconst char *last_{name}(void) {{ return classes_table[NB_CLASSES - 1]; }}",
    ]
    path = folder / f"check_{name}.{'c' if language == 'c' else 'cpp'}"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("language", ["c", "c++"])
def test_headers_compile_and_hold_what_the_notes_say(tmp_path: Path, language: str) -> None:
    (tmp_path / "arm_math.h").write_text("typedef float float32_t;\n")
    (tmp_path / "stm32_lcd.h").write_text("#define UTIL_LCD_COLOR_GREEN 1\n#define UTIL_LCD_COLOR_BLUE 2\n")
    sources = []
    for series, family in CASES:
        folder = tmp_path / series / family
        write_headers(values(series, family), folder)
        sources.append(checking_source(folder, FACTS.get((series, family), ()), language))
    compiler = [sys.executable, "-m", "ziglang", "cc" if language == "c" else "c++"]
    standard = "-std=c11" if language == "c" else "-std=c++14"
    flags = ["-c", standard, "-Wall", "-Werror", "-Wno-unused", "-I", str(tmp_path)]
    result = subprocess.run(
        [*compiler, *flags, *map(str, sources)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_class_names_reach_the_program_byte_by_byte(tmp_path: Path) -> None:
    written = write_headers(values(H7, "classification"), tmp_path)
    program = tmp_path / "main.c"
    program.write_text(
        f'#include <stdio.h>\n#include "{written[0].name}"\nCLASSES_TABLE;\n'
        "int main(void) { for (int i = 0; i < NB_CLASSES; i++) puts(classes_table[i]); return 0; }\n"
    )
    build = [
        sys.executable,
        "-m",
        "ziglang",
        "cc",
        "-trigraphs",
        "-std=c11",
        str(program),
        "-o",
        str(tmp_path / "main"),
    ]
    subprocess.run(build, check=True, capture_output=True)
    printed = subprocess.run([str(tmp_path / "main")], check=True, capture_output=True).stdout
    assert printed.decode("utf-8").splitlines() == metadata("classification")["class_names"]


def test_every_missing_value_is_listed_at_once() -> None:
    found = metadata("ssd")
    found["decoding"] = {"family": "ssd", "iou_threshold": 2, "anchor_boxes": [[1, 2]]}
    found["preprocessing"] = {"input": [3, 4], "aspect_ratio": "padding"}
    del found["class_names"]
    with pytest.raises(UserError) as caught:
        read_values(found, series=N6, board=BOARDS[N6], model="m.onnx", output_type="float16", display="LCD")
    message = str(caught.value)
    for key in (
        "decoding.confidence_threshold",
        "decoding.iou_threshold",
        "decoding.max_boxes",
        "decoding.xy_variance",
        "decoding.wh_variance",
        "decoding.anchor_boxes",
        "class_names",
        "preprocessing.input",
        "preprocessing.aspect_ratio",
        "preprocessing.color_mode",
        "output type",
        "hardware_setup.output",
    ):
        assert key in message


def test_the_app_section_is_needed_for_tracking() -> None:
    with pytest.raises(UserError, match=r"app\.score_threshold: missing"):
        read_values(metadata("embedding"), series=N6, board=BOARDS[N6], model="m.onnx")


@pytest.mark.parametrize(
    ("series", "decoding", "words"),
    [
        (H7, {"family": "st_yolod"}, "do not decode outputs of the family st_yolod"),
        (N6, {"family": "mask_rcnn"}, "which no application of ST decodes"),
        (N6, {}, "decoding.family: missing"),
        ("STM32F4", {"family": "ssd"}, "no header"),
    ],
)
def test_families_that_no_application_decodes_are_refused(series: str, decoding: dict[str, Any], words: str) -> None:
    found = {**metadata("classification"), "decoding": decoding}
    with pytest.raises(UserError, match=words):
        read_values(found, series=series, board="B", model="m.onnx")


def test_nucleo_boards_get_two_lines_of_welcome_and_cameras_of_choice() -> None:
    nucleo = render_headers(values(N6, "classification", board="NUCLEO-N657X0-Q"))["app_config.h"]
    assert '((char *[2]) {"Model Running in STM32 MCU", "internal memory"})' in nucleo
    chosen = render_headers(values(H7, "classification", camera="SPI", display="SPI"))["ai_model_config.h"]
    assert "CAMERA_INTERFACE        CAMERA_INTERFACE_SPI" in chosen
    assert "DISPLAY_INTERFACE       DISPLAY_INTERFACE_SPI" in chosen


def test_a_file_name_cannot_end_the_comment() -> None:
    odd = read_values(metadata("classification"), series=N6, board=BOARDS[N6], model='a*/#error\n"b.onnx')
    text = render_headers(odd)["app_config.h"]
    assert "*/#error" not in text.splitlines()[0]
    assert '"a*/#error\\n\\"b.onnx"' in text
