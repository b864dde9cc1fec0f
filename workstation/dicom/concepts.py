"""The coded concepts our documents use, as PS3.16 names them. Meanings are English; a document may translate them."""

from workstation.dicom.content import Code, MeasurementKind

# quantities of a measurement (CID 7470, 7471, 7464) and their units (UCUM)
LENGTH = Code("410668003", "SCT", "Length")
AREA = Code("42798000", "SCT", "Area")
MEAN = Code("373098007", "SCT", "Mean")
STANDARD_DEVIATION = Code("386136009", "SCT", "Standard Deviation")
MINIMUM = Code("255605001", "SCT", "Minimum")
MAXIMUM = Code("56851009", "SCT", "Maximum")
ANGLE = Code("1483009", "SCT", "Angle")
COBB_ANGLE = Code("285285000", "SCT", "Cobb angle")
TIME = Code("110858", "DCM", "Time")
VELOCITY = Code("110828", "DCM", "Flow Velocity")
ATTENUATION = Code("112031", "DCM", "Attenuation Coefficient")
SUV_BODY_WEIGHT = Code("126401", "DCM", "SUVbw")
SIGNAL_INTENSITY = Code("110852", "DCM", "MR signal intensity")
PIXEL_VALUE = Code("pixel-value", "99IRIS", "Pixel value")
UNCERTAINTY = Code("371884006", "SCT", "+/-, range of measurement uncertainty")
MILLIMETER = Code("mm", "UCUM", "mm")
SQUARE_MILLIMETER = Code("mm2", "UCUM", "square millimeter")
DEGREE = Code("deg", "UCUM", "degree")
SECOND = Code("s", "UCUM", "second")
CENTIMETER_PER_SECOND = Code("cm/s", "UCUM", "centimeter/second")
HOUNSFIELD_UNIT = Code("[hnsf'U]", "UCUM", "Hounsfield unit")
NO_UNITS = Code("1", "UCUM", "no units")

# headings (CID 7001) and elements (CID 7002) of a diagnostic imaging report
CLINICAL_INFORMATION = Code("55752-0", "LN", "Clinical Information")
HISTORY = Code("11329-0", "LN", "History")
CURRENT_PROCEDURE_DESCRIPTIONS = Code("55111-9", "LN", "Current Procedure Descriptions")
PREVIOUS_FINDINGS = Code("18834-2", "LN", "Previous Findings")
FINDINGS = Code("59776-5", "LN", "Findings")
IMPRESSIONS = Code("19005-8", "LN", "Impressions")
CONCLUSIONS = Code("55110-1", "LN", "Conclusions")
RECOMMENDATIONS = Code("18783-1", "LN", "Recommendations")
ADDENDUM = Code("55107-7", "LN", "Addendum")
KEY_IMAGES = Code("55113-5", "LN", "Key Images")
FINDING = Code("121071", "DCM", "Finding")
IMPRESSION = Code("121073", "DCM", "Impression")
RECOMMENDATION = Code("121075", "DCM", "Recommendation")
CONCLUSION = Code("121077", "DCM", "Conclusion")
PROCEDURE_DESCRIPTION = Code("121065", "DCM", "Procedure Description")

# purposes of reference
BEST_ILLUSTRATION = Code("121080", "DCM", "Best illustration of finding")
SOURCE_OF_MEASUREMENT = Code("121112", "DCM", "Source of Measurement")
COMPLETE_RENDERING = Code("121332", "DCM", "Complete Rendering for Presentation")
PATH = Code("121055", "DCM", "Path")
AREA_OUTLINE = Code("121056", "DCM", "Area outline")
IMAGE_REGION = Code("111030", "DCM", "Image Region")
PURPOSES: dict[MeasurementKind, Code] = {
    "length": PATH,
    "angle": PATH,
    "cobb": PATH,
    "ellipse": AREA_OUTLINE,
    "polygon": AREA_OUTLINE,
    "point": IMAGE_REGION,
}
"""What the graphic of a measurement is to its numbers (CID 7551)."""

# observation context (TID 1001 … 1007) and language (TID 1204)
LANGUAGE = Code("121049", "DCM", "Language of Content Item and Descendants")
OBSERVER_TYPE = Code("121005", "DCM", "Observer Type")
PERSON = Code("121006", "DCM", "Person")
PERSON_OBSERVER_NAME = Code("121008", "DCM", "Person Observer Name")
PERSON_OBSERVER_ORGANIZATION = Code("121009", "DCM", "Person Observer's Organization Name")
PROCEDURE_STUDY_UID = Code("121018", "DCM", "Procedure Study Instance UID")
PLACER_NUMBER = Code("121020", "DCM", "Placer Number")
FILLER_NUMBER = Code("121021", "DCM", "Filler Number")
ACCESSION_NUMBER = Code("121022", "DCM", "Accession Number")
SUBJECT_CLASS = Code("121024", "DCM", "Subject Class")
PATIENT = Code("121025", "DCM", "Patient")
SUBJECT_NAME = Code("121029", "DCM", "Subject Name")
SUBJECT_ID = Code("121030", "DCM", "Subject ID")
SUBJECT_BIRTH_DATE = Code("121031", "DCM", "Subject Birth Date")
SUBJECT_SEX = Code("121032", "DCM", "Subject Sex")
SEXES = {
    "M": Code("M", "DCM", "Male"),
    "F": Code("F", "DCM", "Female"),
    "O": Code("121102", "DCM", "Other sex"),
    "U": Code("U", "DCM", "Unknown sex"),
}
LANGUAGES = {"ru": Code("ru", "RFC5646", "Russian"), "en": Code("en", "RFC5646", "English")}

# measurement report (TID 1500, 1501) and key objects (CID 7010)
IMAGING_MEASUREMENTS = Code("126010", "DCM", "Imaging Measurements")
MEASUREMENT_GROUP = Code("125007", "DCM", "Measurement Group")
COMMENT = Code("121106", "DCM", "Comment")
TRACKING_IDENTIFIER = Code("112039", "DCM", "Tracking Identifier")
TRACKING_UID = Code("112040", "DCM", "Tracking Unique Identifier")
STUDY_DATE = Code("111060", "DCM", "Study Date")
FOR_REPORT_ATTACHMENT = Code("113020", "DCM", "For Report Attachment")
MANIFEST = Code("113030", "DCM", "Manifest")

# ours: PS3.16 has no concept for where millimetres came from, nor for the plane a graphic was drawn on
PRIVATE_SCHEME = "99IRIS"
SPACING_SOURCE = Code("spacing-source", PRIVATE_SCHEME, "Source of pixel spacing")
DRAWING_PLANE = Code("drawing-plane", PRIVATE_SCHEME, "Plane of drawing")

# signature purposes (CID 7007)
AUTHOR_SIGNATURE = Code("1", "ASTM-sigpurpose", "Author's Signature")
VERIFICATION_SIGNATURE = Code("5", "ASTM-sigpurpose", "Verification Signature")
