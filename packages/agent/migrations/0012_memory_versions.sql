-- Versions of each person's memories, so that an answer which another agent keeps ends when its person's memories change [SR-22].
SELECT deputize.track_versions('agent.memories', 'memories', 'tenant', 'owner');
