-- A tiny domain for tests: notes of people, and approvals of changes to them.
CREATE SCHEMA notes;
CREATE TABLE notes.note (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL,
  body text NOT NULL,
  version integer NOT NULL DEFAULT 1
);
ALTER TABLE notes.note ENABLE ROW LEVEL SECURITY;
ALTER TABLE notes.note FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON notes.note USING (user_id = (SELECT deputize.subject()));
CREATE TABLE notes.approval (
  id uuid PRIMARY KEY,
  subject uuid NOT NULL,
  call_id text NOT NULL,
  tool text NOT NULL,
  args_digest text NOT NULL,
  preview_digest text NOT NULL,
  run_id text,
  status text NOT NULL DEFAULT 'pending'
);
GRANT USAGE ON SCHEMA notes TO {{app}};
GRANT SELECT, DELETE, UPDATE (body, version) ON notes.note TO {{app}};
GRANT SELECT, INSERT, UPDATE (status) ON notes.approval TO {{app}};
SELECT deputize.track_versions('notes.note', 'notes', NULL, 'user_id');
