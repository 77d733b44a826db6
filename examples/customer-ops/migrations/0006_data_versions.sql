-- What the reading tools about orders rest on, so that agents may keep answers made of it until somebody writes there.

select deputize.track_versions(format('desk.%I', t)::regclass, 'orders', 'tenant', 'owner_id')
  from unnest(array['orders', 'order_items', 'invoices', 'shipments', 'shipment_events']) t;
