-- Who sees and writes which rows.
--
-- Guarantees: rows of a person are there for that person, and for a colleague with an open case about that person
-- (SR-04); never for another tenant. The policies believe only the sealed caller (SR-02). {{app}} writes the columns named
-- here and no other: none that holds money, a state that needs a yes, or an owner (SR-03).
-- Does not: hold for {{owner}}, which migrates and seeds and never serves; FORCE binds it unless it is a superuser.

do $$
declare
  t text;
begin
  foreach t in array array[
    'staff', 'customers', 'customer_segments', 'customer_notes', 'interactions', 'payment_methods', 'discounts', 'orders',
    'order_items', 'invoices', 'shipments', 'shipment_events', 'refunds', 'tickets', 'ticket_comments', 'features'
  ] loop
    execute format('alter table desk.%I enable row level security', t);
    execute format('alter table desk.%I force row level security', t);
    execute format('revoke all on desk.%I from public', t);
    execute format('create policy owner_all on desk.%I to {{owner}} using (true) with check (true)', t);
  end loop;

  -- What a case over orders opens.
  foreach t in array array[
    'orders', 'order_items', 'invoices', 'shipments', 'shipment_events', 'refunds', 'payment_methods'
  ] loop
    execute format($policy$
      create policy own_or_case on desk.%I for select to {{app}} using (
        tenant = (select deputize.tenant())
        and (owner_id = (select deputize.subject())
          or owner_id = any ((select deputize.case_subjects('orders'))::uuid[]))
      )$policy$, t);
    execute format('grant select on desk.%I to {{app}}', t);
  end loop;

  -- What a case over the profile opens.
  foreach t in array array['customer_segments', 'customer_notes', 'interactions', 'tickets'] loop
    execute format($policy$
      create policy own_or_case on desk.%I for select to {{app}} using (
        tenant = (select deputize.tenant())
        and (owner_id = (select deputize.subject())
          or owner_id = any ((select deputize.case_subjects('profile'))::uuid[]))
      )$policy$, t);
    execute format('grant select on desk.%I to {{app}}', t);
  end loop;
end
$$;

create policy own_or_case on desk.customers for select to {{app}} using (
  deleted_at is null
  and tenant = (select deputize.tenant())
  and (owner_id = (select deputize.subject())
    or owner_id = any ((select deputize.case_subjects('profile'))::uuid[]))
);
create policy change on desk.customers for update to {{app}}
  using (
    deleted_at is null
    and tenant = (select deputize.tenant())
    and (owner_id = (select deputize.subject())
      or owner_id = any ((select deputize.case_subjects('profile'))::uuid[]))
  );
grant select on desk.customers to {{app}};
grant update (name, email, phone, city, version) on desk.customers to {{app}};

create policy write_note on desk.customer_notes for insert to {{app}} with check (
  author_id = (select deputize.subject())
  and tenant = (select deputize.tenant())
  and (owner_id = (select deputize.subject())
    or owner_id = any ((select deputize.case_subjects('profile'))::uuid[]))
);
grant insert (tenant, owner_id, customer_id, note, author_id) on desk.customer_notes to {{app}};

create policy open_ticket on desk.tickets for insert to {{app}} with check (
  tenant = (select deputize.tenant())
  and (owner_id = (select deputize.subject())
    or owner_id = any ((select deputize.case_subjects('profile'))::uuid[]))
);
-- Closing has an effect that needs a yes, so no statement of {{app}} reaches that state, or leaves it.
create policy change_ticket on desk.tickets for update to {{app}}
  using (
    status <> 'closed'
    and tenant = (select deputize.tenant())
    and (owner_id = (select deputize.subject())
      or owner_id = any ((select deputize.case_subjects('profile'))::uuid[]))
  )
  with check (
    status <> 'closed'
    and tenant = (select deputize.tenant())
    and (owner_id = (select deputize.subject())
      or owner_id = any ((select deputize.case_subjects('profile'))::uuid[]))
  );
grant insert (tenant, owner_id, customer_id, subject, description, priority) on desk.tickets to {{app}};
grant update (status, priority, assignee_id, tier, version) on desk.tickets to {{app}};

-- Who works on a ticket, and at which tier, is for support to say.
create function desk.keep_tickets_with_support() returns trigger
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  if (new.assignee_id is distinct from old.assignee_id or new.tier <> old.tier) and not deputize.has_role('support') then
    raise exception 'only support assigns and escalates tickets' using errcode = 'DP403';
  end if;
  return new;
end
$$;
create trigger keep_with_support before update of assignee_id, tier on desk.tickets
  for each row execute function desk.keep_tickets_with_support();

-- A remark among colleagues is not there for the customer whose ticket it is.
create policy own_or_case on desk.ticket_comments for select to {{app}} using (
  (not internal or (select deputize.has_role('support')))
  and tenant = (select deputize.tenant())
  and (owner_id = (select deputize.subject())
    or owner_id = any ((select deputize.case_subjects('profile'))::uuid[]))
);
create policy write_comment on desk.ticket_comments for insert to {{app}} with check (
  (not internal or (select deputize.has_role('support')))
  and author_id = (select deputize.subject())
  and tenant = (select deputize.tenant())
  and (owner_id = (select deputize.subject())
    or owner_id = any ((select deputize.case_subjects('profile'))::uuid[]))
);
grant select on desk.ticket_comments to {{app}};
grant insert (tenant, owner_id, ticket_id, comment, internal, author_id) on desk.ticket_comments to {{app}};

-- Colleagues: oneself, and for support those who can take a ticket.
create policy colleagues on desk.staff for select to {{app}} using (
  tenant = (select deputize.tenant())
  and (person_id = (select deputize.subject())
    or ('support' = any (roles) and (select deputize.has_role('support'))))
);
grant select on desk.staff to {{app}};

create policy administrators on desk.features for select to {{app}} using (
  tenant = (select deputize.tenant()) and (select deputize.has_role('admin'))
);
grant select on desk.features to {{app}};

-- What happened to a customer is written by what happened.
create function desk.remember() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  customer text;
begin
  if tg_table_name = 'refunds' then
    select o.customer_id into customer from desk.orders o
      where o.tenant = new.tenant and o.owner_id = new.owner_id and o.id = new.order_id;
  else
    customer := new.customer_id;
  end if;
  insert into desk.interactions (tenant, owner_id, customer_id, channel, summary)
    values (new.tenant, new.owner_id, customer, 'system', tg_argv[0]);
  return new;
end
$$;
revoke all on function desk.remember(), desk.keep_tickets_with_support() from public;
create trigger remember after insert on desk.customer_notes for each row execute function desk.remember('note added');
create trigger remember after insert on desk.tickets for each row execute function desk.remember('ticket opened');
create trigger remember after insert on desk.refunds for each row execute function desk.remember('refund issued');
