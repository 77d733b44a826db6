-- Tasks of the agent-to-agent protocol, so that a task that waits for a person survives a restart and can be
-- continued on another replica. A row belongs to the person on whose behalf the task runs; row-level security
-- is forced, so the owner is decided by the sealed caller and never by the request.
create schema if not exists agent;

create table agent.a2a_tasks (
  tenant     text        not null,
  owner_id   uuid        not null,
  agent      text        not null check (length(agent) between 1 and 100),
  id         text        not null check (length(id) between 1 and 100),
  context_id text        not null check (length(context_id) between 1 and 100),
  state      text        not null check (state in (
               'TASK_STATE_SUBMITTED', 'TASK_STATE_WORKING', 'TASK_STATE_COMPLETED', 'TASK_STATE_FAILED',
               'TASK_STATE_CANCELED', 'TASK_STATE_INPUT_REQUIRED', 'TASK_STATE_REJECTED', 'TASK_STATE_AUTH_REQUIRED')),
  task       jsonb       not null,
  created    timestamptz not null,
  updated    timestamptz not null,
  primary key (tenant, owner_id, agent, id)
);

create index a2a_tasks_by_update on agent.a2a_tasks (tenant, owner_id, agent, updated desc, id desc);

alter table agent.a2a_tasks enable row level security;
alter table agent.a2a_tasks force row level security;

create policy a2a_tasks_owner on agent.a2a_tasks for all to {{app}}
  using (tenant = (select deputize.tenant()) and owner_id = (select deputize.subject()))
  with check (tenant = (select deputize.tenant()) and owner_id = (select deputize.subject()));

grant usage on schema agent to {{app}};
grant select, insert, delete on agent.a2a_tasks to {{app}};
grant update (state, task, updated) on agent.a2a_tasks to {{app}};
