"""The table of phantoms: who was examined, where, when, how, and what there is to find.

A new modality's phantom is one maker (a function `make(plan, visit, folder, scale, step)`) and its lines here.
"""

from dataclasses import replace
from functools import partial

from workstation.demo.phantoms.acquisition import MIDDLE, SHARP, SOFT
from workstation.demo.phantoms.anatomy import Anatomy, Nodule
from workstation.demo.phantoms.ct import SLAB, CtPlan, make_ct
from workstation.demo.phantoms.encoding import EXPLICIT, HTJ2K, JPEG_2000, JPEG_LOSSLESS, JPEG_LS, RLE
from workstation.demo.phantoms.model import Hospital, Phantom, Visit
from workstation.demo.phantoms.radiograph import RadiographPlan, make_radiograph
from workstation.demo.phantoms.radiography import Exposure
from workstation.demo.phantoms.shapes import Point
from workstation.dicom.content import Patient

ISSUER = "IRIS-DEMO"

CLINIC = Hospital("Поликлиника № 12, г. Примерск", "CT-GP12", "Phantom", "Phantom CT 64", "PH-CT-0064")
HOSPITAL = Hospital("Примерская областная больница", "CT-POB1", "Phantom", "Phantom CT 128", "PH-CT-0128")
CENTRAL = Hospital("ЦРБ, пос. Заречный", "CT-RBZ", "Phantom", "Phantom CT 16", "PH-CT-0016")
XRAY = Hospital("Поликлиника № 12, г. Примерск", "DX-GP12", "Phantom", "Phantom DR 430", "PH-DR-0430")
XRAY_2 = Hospital("Примерская областная больница", "DX-POB2", "Phantom", "Phantom DR 350", "PH-DR-0350")
FLUORO = Hospital("Флюорография, пос. Заречный", "FLG-RBZ", "Phantom", "Phantom FLG 40", "PH-FL-0040")


def _patient(name: str, number: str, birth: str, sex: str) -> Patient:
    return Patient(name=name, patient_id=number, issuer=ISSUER, birth_date=birth, sex=sex)


IVANOVA = _patient("Иванова^Мария^Петровна", "77-204518", "19610314", "F")
SOKOLOV = _patient("Соколов^Андрей^Викторович", "77-118290", "19540922", "M")
KUZNETSOVA = _patient("Кузнецова^Ольга^Сергеевна", "77-330174", "19721105", "F")
MOROZOV = _patient("Морозов^Дмитрий^Алексеевич", "77-271633", "19660701", "M")
VOLKOVA = _patient("Волкова^Елена^Николаевна", "77-409985", "19580219", "F")
LEBEDEV = _patient("Лебедев^Игорь^Павлович", "77-150427", "19490530", "M")
NOVIKOVA = _patient("Новикова^Татьяна^Ивановна", "77-362208", "19800116", "F")
FEDOROV = _patient("Фёдоров^Сергей^Михайлович", "77-198741", "19750828", "M")
MIKHAILOVA = _patient("Михайлова^Наталья^Юрьевна", "77-445016", "19910407", "F")
BELOV = _patient("Белов^Артём^Олегович", "77-507732", "19871223", "M")
GROMOVA = _patient("Громова^Анна^Васильевна", "77-283359", "19640611", "F")
ORLOV = _patient("Орлов^Николай^Фёдорович", "77-136604", "19570903", "M")

REFERRING = "Степанов^Юрий^Борисович"

_MAIN = Anatomy(scale=(0.97, 0.97, 0.97), breast_mm=16, shift=(1.5, -2.0, -212.0), seed=11)
_TILT = Anatomy(scale=(1.02, 1.02, 1.0), fat_mm=3, shift=(-1.0, 0.0, -305.5), seed=13, heart_size=1.04)
_ANGIO = Anatomy(scale=(0.94, 0.95, 0.98), breast_mm=12, contrast=190.0, shift=(2.0, 1.5, -148.0), seed=17)
_LOW_DOSE = Anatomy(scale=(1.03, 0.98, 1.02), shift=(0.0, -3.0, -260.0), seed=19, dome_mm=-8, heart_size=0.93)
_THICK = Anatomy(scale=(0.96, 1.0, 0.95), breast_mm=20, fat_mm=5, shift=(0, 2.0, -190.0), seed=23, heart_size=1.08)


def _nodules(anatomy: Anatomy, *found: tuple[str, Point, float]) -> tuple[Nodule, ...]:
    """Nodules given in the reference anatomy; their centres in study LPS are rounded to 0.01 mm and exact."""
    out = []
    for name, place, diameter in found:
        x, y, z = (round(c, 2) for c in anatomy.to_study(place))
        out.append(Nodule(name, (x, y, z), diameter))
    return tuple(out)


_UPPER: Point = (-66.0, -14.0, 33.0)
_LEFT_BASE: Point = (72.0, 34.0, -72.0)
_RIGHT_BASE: Point = (-88.0, 36.0, -70.0)


def _ct(
    key: str, patient: Patient, date: str, hospital: Hospital, protocol: str, description: str, plan: CtPlan,
    found: tuple[tuple[str, Point, float], ...], size: tuple[float, float], role: str = "current", prior_of: str = "",
) -> Phantom:  # fmt: skip
    anatomy = plan.anatomy
    placed = replace(
        plan, anatomy=anatomy.with_nodules(_nodules(anatomy, *found)), top=round(plan.top + anatomy.shift[2], 4)
    )
    visit = Visit(
        key=key, patient=patient, date=date, time=f"{8 + len(key) % 9:02d}{(len(patient.name) * 7) % 60:02d}30",
        modality="CT", description=description, protocol=protocol, hospital=hospital, role=role, prior_of=prior_of,
        referring=REFERRING, accession=f"CT{date[2:]}{patient.patient_id[-4:]}", size_m=size[0], weight_kg=size[1],
    )  # fmt: skip
    slab = max(1, SLAB // plan.parts)
    return Phantom(visit, -(-plan.slices // slab), partial(make_ct, placed))


def _radiograph(
    key: str, patient: Patient, date: str, hospital: Hospital, description: str, plan: RadiographPlan,
    found: tuple[tuple[str, Point, float], ...], size: tuple[float, float], role: str = "current", prior_of: str = "",
) -> Phantom:  # fmt: skip
    placed = replace(plan, nodules=_nodules(plan.anatomy, *found))
    visit = Visit(
        key=key, patient=patient, date=date, time=f"{9 + len(key) % 7:02d}{(len(patient.name) * 11) % 60:02d}10",
        modality=plan.kind, description=description, protocol="CHEST PA", hospital=hospital, role=role,
        prior_of=prior_of, referring=REFERRING, accession=f"{plan.kind}{date[2:]}{patient.patient_id[-4:]}",
        size_m=size[0], weight_kg=size[1],
    )  # fmt: skip
    return Phantom(visit, 2, partial(make_radiograph, placed))


def _ct_lines() -> tuple[Phantom, ...]:
    earlier = replace(_MAIN, shift=(-2.5, 3.0, -389.5))
    main_found = (("main", _UPPER, 12.4), ("left base", _LEFT_BASE, 5.2), ("right base", _RIGHT_BASE, 4.0))
    return (
        _ct("ct-main", IVANOVA, "20261118", HOSPITAL, "Chest routine 1 mm", "КТ органов грудной клетки",
            CtPlan(_MAIN, "Грудная клетка 1.0 мм", slices=248, top=92.0, syntax=EXPLICIT, seed=101),
            main_found, (1.64, 71)),
        _ct("ct-main-prior", IVANOVA, "20251121", CLINIC, "Thorax 1 mm", "КТ органов грудной клетки",
            CtPlan(earlier, "Грудная клетка 1.0 мм", pixel=0.72, slices=240, top=89.4, syntax=JPEG_LOSSLESS,
                   seed=102),
            (("main", _UPPER, 8.1), ("left base", _LEFT_BASE, 5.0)), (1.64, 72), "prior", "ct-main"),
        _ct("ct-tilt", SOKOLOV, "20261119", CENTRAL, "Chest tilted gantry", "КТ ОГК с наклоном гентри",
            CtPlan(_TILT, "Грудная клетка, наклон 20°", pixel=0.74, slices=200, top=78.0, step=1.0642,
                   tilt_degrees=20.0, syntax=JPEG_LS, seed=103),
            (("main", (-64.0, -12.0, 28.0), 14.6), ("left base", _LEFT_BASE, 6.0)), (1.78, 86)),
        _ct("ct-contrast", KUZNETSOVA, "20261120", HOSPITAL, "Chest contrast 4 mm", "КТ ОГК с контрастированием",
            CtPlan(_ANGIO, "ОГК, артериальная фаза 4 мм", pixel=0.68, slices=58, step=4.0, top=88.0, parts=2,
                   kernel=SOFT, syntax=HTJ2K, circle=True, contrast_agent="Iohexol 350", kvp=100, seed=104),
            (("main", (60.0, 4.0, 24.0), 18.2),), (1.70, 68)),
        _ct("ct-low-dose", MOROZOV, "20261121", CLINIC, "Lung screening LDCT", "НДКТ лёгких (скрининг)",
            CtPlan(_LOW_DOSE, "Низкодозовая 2 мм", matrix=256, pixel=1.4, slices=124, step=2.0, top=90.0,
                   kernel=SHARP, syntax=JPEG_2000, kvp=100, seed=105),
            (("main", (70.0, 30.0, -34.0), 9.0), ("right base", _RIGHT_BASE, 6.4)), (1.81, 79)),
        _ct("ct-thick", VOLKOVA, "20261117", CENTRAL, "Chest 5 mm", "КТ органов грудной клетки",
            CtPlan(_THICK, "Грудная клетка 5 мм", pixel=0.75, slices=48, step=5.0, top=86.0, parts=2, kernel=MIDDLE,
                   syntax=RLE, seed=106),
            (("main", (-70.0, 20.0, -40.0), 21.0),), (1.58, 88)),
    )  # fmt: skip


_DX = Exposure(rows=2140, columns=1760, pixel=0.2)
_FLG = Exposure(rows=1024, columns=1024, pixel=0.4, voxel=1.6, blur_mm=0.5, noise=0.016, source_detector=1200.0)


def _radiograph_lines() -> tuple[Phantom, ...]:
    tall = Anatomy(scale=(1.0, 1.0, 1.02), upright=True, dome_mm=-8, seed=31)
    woman = Anatomy(scale=(0.94, 0.94, 0.95), upright=True, breast_mm=14, dome_mm=-6, seed=32)
    stout = Anatomy(scale=(1.03, 1.0, 0.97), upright=True, fat_mm=6, dome_mm=4, heart_size=1.14, seed=33)
    slim = Anatomy(scale=(0.95, 0.92, 1.03), upright=True, dome_mm=-14, heart_size=0.9, breast_mm=8, seed=34)
    young = Anatomy(scale=(0.98, 0.96, 1.02), upright=True, dome_mm=-10, heart_size=0.95, seed=35)
    elder = Anatomy(scale=(0.95, 0.97, 0.94), upright=True, breast_mm=18, heart_size=1.1, fat_mm=3, seed=36)
    worker = Anatomy(scale=(1.02, 1.0, 1.0), upright=True, dome_mm=-6, seed=37)
    chest, fluoro = "Рентгенография ОГК, прямая", "Флюорография, прямая"
    upper, lower = ("main", (-70.0, -10.0, 18.0), 22.0), ("main", (72.0, 10.0, -42.0), 26.0)
    tall_plan = RadiographPlan(tall, (), _DX, "Прямая проекция PA", syntax=JPEG_2000, seed=201)
    fluoro_plan = RadiographPlan(
        young,
        (),
        _FLG,
        "Флюорограмма PA",
        kind="CR",
        photometric="MONOCHROME1",
        syntax=JPEG_LOSSLESS,
        kvp=100,
        seed=211,
    )
    return (
        _radiograph("dx-nodule", LEBEDEV, "20261120", XRAY, chest, tall_plan, (upper,), (1.80, 78)),
        _radiograph("dx-nodule-prior", LEBEDEV, "20251008", XRAY_2, chest,
                    replace(tall_plan, syntax=JPEG_LOSSLESS, seed=202, centre_shift_px=(14, -9)),
                    (("main", upper[1], 11.0),), (1.80, 80), "prior", "dx-nodule"),
        _radiograph("dx-clear", NOVIKOVA, "20261121", XRAY, chest,
                    replace(tall_plan, anatomy=woman, syntax=JPEG_LS, voi_function="SIGMOID", seed=203), (),
                    (1.62, 58)),
        _radiograph("dx-heart", FEDOROV, "20261119", XRAY_2, chest,
                    replace(tall_plan, anatomy=stout, syntax=HTJ2K, photometric="MONOCHROME1", seed=204), (),
                    (1.76, 104)),
        _radiograph("dx-base", MIKHAILOVA, "20261122", XRAY_2, chest,
                    replace(tall_plan, anatomy=slim, syntax=EXPLICIT, bits=14, seed=205), (lower,), (1.73, 54)),
        _radiograph("flg-focus", BELOV, "20261118", FLUORO, fluoro, fluoro_plan,
                    (("main", (66.0, 6.0, 34.0), 17.0),), (1.77, 70)),
        _radiograph("flg-focus-prior", BELOV, "20251112", FLUORO, fluoro,
                    replace(fluoro_plan, syntax=JPEG_LS, seed=212, centre_shift_px=(-6, 8)), (), (1.77, 69), "prior",
                    "flg-focus"),
        _radiograph("flg-clear", GROMOVA, "20261120", FLUORO, fluoro,
                    replace(fluoro_plan, anatomy=elder, syntax=RLE, seed=213), (), (1.60, 82)),
        _radiograph("flg-apex", ORLOV, "20261121", FLUORO, fluoro,
                    replace(fluoro_plan, anatomy=worker, syntax=JPEG_2000, seed=214),
                    (("main", (-58.0, 12.0, 52.0), 15.0),), (1.75, 81)),
    )  # fmt: skip


PHANTOMS: tuple[Phantom, ...] = (*_ct_lines(), *_radiograph_lines())
"""Priors stand right behind the study they precede."""
