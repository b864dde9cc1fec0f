"""The tables of the archive's one database, and the numbered steps that bring an older file up to date.

`MIGRATIONS[n]` leads from version n to n + 1 (`PRAGMA user_version`). A published step is never edited: a change of the
tables is a new step at the end. Conventions: times are ISO 8601 in UTC (`now()` of `archive.database`), deadlines
too, so that text order is time order; `*_json` columns hold JSON objects; flags are 0 or 1; missing text is ''.

What is whose:

- `studies`, `series`, `instances`, `collisions`: the objects held (`archive.archive`). `studies.seal_key` is the random
  key of all objects of that study: once the row is gone, the files of the study can't be opened by anybody.
- `expected_studies`, `expected_series`, `expected_instances`: what the server said there is, stored before a pull
  (`archive.ledger`). What was received is never stored: it is what `instances` holds.
- `priors`: earlier studies of the patient of a case (`archive.priors`).
- `audit`: the hash chain (`archive.audit`).
- `cases`, `case_inputs`, `claims`, `drafts`, `packages`, `package_objects`, `documents`: for `consultation`.
- `removed_studies`: what was here and went, until it comes again; `discarded_objects`: files that no row names any
  more and that are still to be deleted (`archive.archive`).
- `totals`: one row, objects and bytes of all studies (`archive.archive`).
- `properties`: single values by name (last poll, ETags).
"""

_V1 = """
CREATE TABLE properties (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE studies (
    study_uid TEXT PRIMARY KEY,
    seal_key BLOB NOT NULL,
    patient_id TEXT NOT NULL,
    issuer TEXT NOT NULL,
    patient_name TEXT NOT NULL,
    birth_date TEXT NOT NULL,
    sex TEXT NOT NULL,
    study_date TEXT NOT NULL,
    study_time TEXT NOT NULL,
    accession TEXT NOT NULL,
    description TEXT NOT NULL,
    added_at TEXT NOT NULL,
    opened_at TEXT NOT NULL DEFAULT '',
    pinned INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX studies_of_patient ON studies(patient_id, issuer);

CREATE TABLE series (
    series_uid TEXT PRIMARY KEY,
    study_uid TEXT NOT NULL REFERENCES studies ON DELETE CASCADE,
    modality TEXT NOT NULL,
    number INTEGER,
    description TEXT NOT NULL
);
CREATE INDEX series_of_study ON series(study_uid);

CREATE TABLE instances (
    sop_uid TEXT PRIMARY KEY,
    study_uid TEXT NOT NULL REFERENCES studies ON DELETE CASCADE,
    series_uid TEXT NOT NULL REFERENCES series ON DELETE CASCADE,
    sop_class_uid TEXT NOT NULL,
    number INTEGER,
    size INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    object_name TEXT NOT NULL UNIQUE,
    stored_at TEXT NOT NULL,
    instance_json TEXT NOT NULL
);
CREATE INDEX instances_of_series ON instances(series_uid, number);
CREATE INDEX instances_of_study ON instances(study_uid, series_uid, sop_uid, size);

CREATE TABLE collisions (
    sop_uid TEXT NOT NULL,
    sha256 BLOB NOT NULL,
    size INTEGER NOT NULL,
    seen_at TEXT NOT NULL,
    PRIMARY KEY (sop_uid, sha256)
) WITHOUT ROWID;

CREATE TABLE expected_studies (
    study_uid TEXT PRIMARY KEY,
    listed_at TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE expected_series (
    study_uid TEXT NOT NULL REFERENCES expected_studies ON DELETE CASCADE,
    series_uid TEXT NOT NULL,
    modality TEXT NOT NULL,
    number INTEGER,
    description TEXT NOT NULL,
    announced INTEGER NOT NULL,
    PRIMARY KEY (study_uid, series_uid)
) WITHOUT ROWID;

CREATE TABLE expected_instances (
    study_uid TEXT NOT NULL,
    series_uid TEXT NOT NULL,
    sop_uid TEXT NOT NULL,
    number INTEGER,
    missing_reason TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (study_uid, series_uid, sop_uid),
    FOREIGN KEY (study_uid, series_uid) REFERENCES expected_series ON DELETE CASCADE
) WITHOUT ROWID;

CREATE TABLE priors (
    case_uid TEXT NOT NULL,
    study_uid TEXT NOT NULL,
    score REAL NOT NULL,
    reason TEXT NOT NULL,
    doubt TEXT NOT NULL DEFAULT '',
    has_report INTEGER NOT NULL DEFAULT 0,
    entry_json TEXT NOT NULL,
    PRIMARY KEY (case_uid, study_uid)
) WITHOUT ROWID;

CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    who TEXT NOT NULL,
    event TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail_json TEXT NOT NULL,
    previous BLOB NOT NULL,
    hash BLOB NOT NULL
);
CREATE TRIGGER audit_keeps_its_entries BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'audit entries are never changed');
END;
CREATE TRIGGER audit_loses_no_entries BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'audit entries are never deleted');
END;

-- state, kind: names of consultation.case; priority: 0 HIGH, 1 MEDIUM, 2 LOW; origin: 'workitem' or 'study' (archive
-- mode); search: all texts a reader may search, lower-cased by Python (SQLite can't lower Cyrillic);
-- row_json: the values of CaseRow; workitem_json: the workitem as last seen; modified_at: the server's own stamp
CREATE TABLE cases (
    case_uid TEXT PRIMARY KEY,
    origin TEXT NOT NULL DEFAULT 'workitem',
    state TEXT NOT NULL,
    kind TEXT NOT NULL,
    priority INTEGER NOT NULL DEFAULT 1,
    deadline TEXT NOT NULL DEFAULT '',
    expiry TEXT NOT NULL DEFAULT '',
    modality TEXT NOT NULL DEFAULT '',
    region TEXT NOT NULL DEFAULT '',
    sender TEXT NOT NULL DEFAULT '',
    label TEXT NOT NULL DEFAULT '',
    reader TEXT NOT NULL DEFAULT '',
    study_uid TEXT NOT NULL DEFAULT '',
    study_date TEXT NOT NULL DEFAULT '',
    patient_id TEXT NOT NULL DEFAULT '',
    issuer TEXT NOT NULL DEFAULT '',
    search TEXT NOT NULL DEFAULT '',
    modified_at TEXT NOT NULL DEFAULT '',
    seen_at TEXT NOT NULL DEFAULT '',
    row_json TEXT NOT NULL,
    workitem_json TEXT NOT NULL DEFAULT '{}'
);
-- covers filter, order and search, so that 100,000 rows are counted and paged without touching the wide table
CREATE INDEX cases_worklist ON cases(
    priority, deadline, case_uid, state, kind, modality, region, sender, label, reader, study_date, search
);
CREATE INDEX cases_state ON cases(state);
CREATE INDEX cases_of_study ON cases(study_uid);
CREATE INDEX cases_of_patient ON cases(patient_id, issuer);

-- role: study | prior | first_report
CREATE TABLE case_inputs (
    case_uid TEXT NOT NULL REFERENCES cases ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    role TEXT NOT NULL,
    study_uid TEXT NOT NULL,
    series_uid TEXT NOT NULL DEFAULT '',
    sop_class_uid TEXT NOT NULL DEFAULT '',
    sop_uid TEXT NOT NULL DEFAULT '',
    retrieve_url TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (case_uid, ordinal)
) WITHOUT ROWID;

-- stored before the claim is sent; state: CLAIMING | HELD | LOST | RETURNED | COMPLETED
CREATE TABLE claims (
    case_uid TEXT PRIMARY KEY,
    transaction_uid TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    requested_at TEXT NOT NULL,
    answered_at TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT ''
);

CREATE TABLE drafts (
    case_uid TEXT NOT NULL,
    part TEXT NOT NULL,
    payload_json TEXT NOT NULL,
    saved_at TEXT NOT NULL,
    PRIMARY KEY (case_uid, part)
);

-- a signed package; journal_json: what happened to it, in order; receipt_json: the proof of its delivery
CREATE TABLE packages (
    package_uid TEXT PRIMARY KEY,
    case_uid TEXT NOT NULL,
    study_uid TEXT NOT NULL,
    state TEXT NOT NULL,
    title TEXT NOT NULL DEFAULT '',
    signer TEXT NOT NULL DEFAULT '',
    signed_at TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at TEXT NOT NULL DEFAULT '',
    last_error TEXT NOT NULL DEFAULT '',
    delivered_at TEXT NOT NULL DEFAULT '',
    content_json TEXT NOT NULL DEFAULT '{}',
    journal_json TEXT NOT NULL DEFAULT '[]',
    receipt_json TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX packages_due ON packages(state, due_at);
CREATE INDEX packages_of_case ON packages(case_uid);

-- final bytes, in the order in which they are sent; role: key_images | presentation | measurements | pdf | conclusion
CREATE TABLE package_objects (
    package_uid TEXT NOT NULL REFERENCES packages ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    role TEXT NOT NULL,
    series_uid TEXT NOT NULL,
    sop_class_uid TEXT NOT NULL,
    sop_uid TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    state TEXT NOT NULL DEFAULT '',
    answer TEXT NOT NULL DEFAULT '',
    verified_at TEXT NOT NULL DEFAULT '',
    data BLOB NOT NULL,
    PRIMARY KEY (package_uid, ordinal)
);

-- readable text of documents held: first reports, prior reports, our own; the bytes are in the archive
CREATE TABLE documents (
    sop_uid TEXT PRIMARY KEY,
    study_uid TEXT NOT NULL,
    series_uid TEXT NOT NULL DEFAULT '',
    role TEXT NOT NULL,
    title TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL DEFAULT '',
    verified INTEGER NOT NULL DEFAULT 0,
    text TEXT NOT NULL DEFAULT ''
);
CREATE INDEX documents_of_study ON documents(study_uid);
"""

_V2 = """
CREATE TABLE removed_studies (
    study_uid TEXT PRIMARY KEY,
    removed_at TEXT NOT NULL,
    reason TEXT NOT NULL,
    objects INTEGER NOT NULL,
    size INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE discarded_objects (
    object_name TEXT PRIMARY KEY
) WITHOUT ROWID;
"""

# not published yet
_V3 = """
-- what is held of each study and of all, kept by the triggers, so that nobody counts a million rows
ALTER TABLE studies ADD COLUMN objects INTEGER NOT NULL DEFAULT 0;
ALTER TABLE studies ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
UPDATE studies SET (objects, size) = (
    SELECT count(*), coalesce(sum(i.size), 0) FROM instances i WHERE i.study_uid = studies.study_uid
);
CREATE TABLE totals (
    objects INTEGER NOT NULL,
    size INTEGER NOT NULL
);
INSERT INTO totals SELECT coalesce(sum(objects), 0), coalesce(sum(size), 0) FROM studies;
CREATE TRIGGER instances_are_counted AFTER INSERT ON instances BEGIN
    UPDATE studies SET objects = objects + 1, size = size + new.size WHERE study_uid = new.study_uid;
    UPDATE totals SET objects = objects + 1, size = size + new.size;
END;
CREATE TRIGGER instances_are_discounted AFTER DELETE ON instances BEGIN
    UPDATE studies SET objects = objects - 1, size = size - old.size WHERE study_uid = old.study_uid;
    UPDATE totals SET objects = objects - 1, size = size - old.size;
END;
-- the name of the server that a case came from and a package goes to; '' in imports, and before it was noted
ALTER TABLE cases ADD COLUMN server TEXT NOT NULL DEFAULT '';
ALTER TABLE packages ADD COLUMN server TEXT NOT NULL DEFAULT '';
-- the order of the worklist without its texts, for filters that search none: a third of the pages to read
CREATE INDEX cases_order ON cases(priority, deadline, case_uid, state, kind, modality, server);
-- and with them, but nothing else: what is searched is read whole
DROP INDEX cases_worklist;
CREATE INDEX cases_worklist ON cases(priority, deadline, case_uid, state, kind, modality, server, search);
CREATE INDEX cases_without_server ON cases(case_uid) WHERE server = '';
CREATE INDEX priors_of_study ON priors(study_uid);
-- an impression that was locked before the first report was read stays what it was
CREATE TRIGGER impressions_stay BEFORE UPDATE ON drafts WHEN old.part = 'impression' BEGIN
    SELECT RAISE(ABORT, 'a locked impression is not changed');
END;
"""

MIGRATIONS: tuple[str, ...] = (_V1, _V2, _V3)
VERSION = len(MIGRATIONS)
