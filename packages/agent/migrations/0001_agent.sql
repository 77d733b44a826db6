-- Conversations, messages and runs.
--
-- Guarantees: every row belongs to one (tenant, owner) and is seen and changed by nobody else, whatever the
-- query says; ids that clients choose live under their owner, so nobody can take or probe another's [SR-26];
-- messages are never changed or removed by the serving role; one run at a time works on a conversation.

CREATE SCHEMA agent;
REVOKE ALL ON SCHEMA agent FROM PUBLIC;
GRANT USAGE ON SCHEMA agent TO {{app}};

CREATE TABLE agent.conversations (
  tenant       text NOT NULL,
  owner        uuid NOT NULL,
  -- The agent that the conversation is with. A specialist's talk with an orchestrator is not the person's.
  agent        text NOT NULL CHECK (length(agent) BETWEEN 1 AND 100),
  id           uuid NOT NULL,
  title        text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  last_seq     integer NOT NULL DEFAULT 0 CHECK (last_seq >= 0),
  created      timestamptz NOT NULL,
  last_message timestamptz NOT NULL,
  deleted      timestamptz,
  PRIMARY KEY (tenant, owner, agent, id)
);
CREATE INDEX conversations_newest ON agent.conversations (tenant, owner, agent, last_message DESC, id DESC)
  WHERE deleted IS NULL;

CREATE TABLE agent.runs (
  tenant           text NOT NULL,
  owner            uuid NOT NULL,
  agent            text NOT NULL,
  id               uuid NOT NULL,
  conversation     uuid NOT NULL,
  status           text NOT NULL CHECK (status IN ('running', 'waiting', 'done', 'failed', 'stopped')),
  -- What the run needs to go on: its messages, the pending call, what was shown. Empty once it has ended.
  state            jsonb NOT NULL,
  pending_approval text CHECK (length(pending_approval) BETWEEN 1 AND 100),
  -- NULL reads as untrusted and readable by nobody [SR-07].
  label            jsonb,
  -- A running run is alive until then; its process renews it.
  lease            timestamptz,
  stop_requested   boolean NOT NULL DEFAULT false,
  created          timestamptz NOT NULL,
  updated          timestamptz NOT NULL,
  PRIMARY KEY (tenant, owner, agent, id),
  FOREIGN KEY (tenant, owner, agent, conversation) REFERENCES agent.conversations (tenant, owner, agent, id),
  CHECK ((status = 'running') = (lease IS NOT NULL)),
  CHECK (status <> 'waiting' OR pending_approval IS NOT NULL)
);
CREATE UNIQUE INDEX runs_one_at_a_time ON agent.runs (tenant, owner, agent, conversation) WHERE status = 'running';
CREATE UNIQUE INDEX runs_by_approval ON agent.runs (tenant, owner, agent, pending_approval)
  WHERE pending_approval IS NOT NULL;

CREATE TABLE agent.messages (
  tenant          text NOT NULL,
  owner           uuid NOT NULL,
  agent           text NOT NULL,
  conversation    uuid NOT NULL,
  seq             integer NOT NULL CHECK (seq > 0),
  id              uuid NOT NULL,
  run             uuid NOT NULL,
  role            text NOT NULL CHECK (role IN ('user', 'assistant')),
  content         text NOT NULL,
  agent_name      text,
  agents_involved jsonb NOT NULL,
  cards           jsonb NOT NULL,
  steps           jsonb NOT NULL,
  approvals       jsonb NOT NULL,
  label           jsonb,
  tokens_in       integer NOT NULL DEFAULT 0,
  tokens_out      integer NOT NULL DEFAULT 0,
  created         timestamptz NOT NULL,
  PRIMARY KEY (tenant, owner, agent, conversation, seq),
  UNIQUE (tenant, owner, id),
  FOREIGN KEY (tenant, owner, agent, conversation) REFERENCES agent.conversations (tenant, owner, agent, id),
  FOREIGN KEY (tenant, owner, agent, run) REFERENCES agent.runs (tenant, owner, agent, id)
);
CREATE INDEX messages_by_run ON agent.messages (tenant, owner, agent, run);

ALTER TABLE agent.conversations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE agent.runs ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE agent.messages ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY own ON agent.conversations TO {{app}}
  USING (tenant = (SELECT deputize.tenant()) AND owner = (SELECT deputize.subject()))
  WITH CHECK (tenant = (SELECT deputize.tenant()) AND owner = (SELECT deputize.subject()));
CREATE POLICY own ON agent.runs TO {{app}}
  USING (tenant = (SELECT deputize.tenant()) AND owner = (SELECT deputize.subject()))
  WITH CHECK (tenant = (SELECT deputize.tenant()) AND owner = (SELECT deputize.subject()));
CREATE POLICY own ON agent.messages TO {{app}}
  USING (tenant = (SELECT deputize.tenant()) AND owner = (SELECT deputize.subject()))
  WITH CHECK (tenant = (SELECT deputize.tenant()) AND owner = (SELECT deputize.subject()));

GRANT SELECT, INSERT ON agent.conversations, agent.runs, agent.messages TO {{app}};
GRANT UPDATE (title, last_seq, last_message, deleted) ON agent.conversations TO {{app}};
GRANT UPDATE (status, state, pending_approval, label, lease, stop_requested, updated) ON agent.runs TO {{app}};
