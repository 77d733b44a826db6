/** Earlier conversations: today, this week, older. Each can be renamed and deleted. */
import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { api } from "../../api/http.ts";
import { conversationsQuery } from "../../api/queries.ts";
import type { ConversationSummary } from "../../api/types.ts";
import { now } from "../../lib/clock.ts";
import { Button, IconButton } from "../../ui/button.tsx";
import { DotsIcon, EditIcon, PlusIcon, TrashIcon } from "../../ui/icons.tsx";
import { Input } from "../../ui/input.tsx";
import { Stack } from "../../ui/layout.tsx";
import { Menu } from "../../ui/menu.tsx";
import { ConfirmDialog, Dialog } from "../../ui/overlay.tsx";
import { ErrorState, Loading, Skeleton } from "../../ui/states.tsx";
import { Text } from "../../ui/text.tsx";
import { toast } from "../../ui/toast.tsx";
import { closeChat, discardFreshChat } from "./chat-registry.ts";
import styles from "./chat.module.css";
import { groupConversations } from "./group-conversations.ts";

const path = (id: string) => `/api/conversations/${encodeURIComponent(id)}`;

function RenameDialog({ conversation, onClose }: { conversation: ConversationSummary; onClose: () => void }) {
  const client = useQueryClient();
  const [title, setTitle] = useState(conversation.title);
  const rename = useMutation({
    mutationFn: (next: string) => api.patch(path(conversation.id), { title: next }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: conversationsQuery.queryKey });
      onClose();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (title.trim() !== "") rename.mutate(title.trim());
  };
  return (
    <Dialog open onClose={onClose} title="Rename conversation">
      <form onSubmit={submit}>
        <Stack gap={4}>
          <Input
            label="Title"
            value={title}
            maxLength={120}
            required
            autoFocus
            onChange={(event) => setTitle(event.target.value)}
          />
          {rename.isError && <ErrorState error={rename.error} title="The title was not saved" />}
          <Button type="submit" variant="primary" busy={rename.isPending}>
            Rename
          </Button>
        </Stack>
      </form>
    </Dialog>
  );
}

function DeleteDialog({
  conversation,
  current,
  onClose,
}: {
  conversation: ConversationSummary;
  current: boolean;
  onClose: () => void;
}) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const remove = useMutation({
    mutationFn: () => api.delete(path(conversation.id)),
    onSuccess: async () => {
      closeChat(conversation.id);
      onClose();
      if (current) await navigate({ to: "/chat/{-$conversationId}", params: { conversationId: undefined } });
      await client.invalidateQueries({ queryKey: conversationsQuery.queryKey });
      toast("Conversation deleted");
    },
  });
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      onConfirm={() => remove.mutate()}
      busy={remove.isPending}
      title="Delete this conversation?"
      description={`“${conversation.title}” will be gone from your list. Receipts of what was done stay.`}
      confirm="Delete"
    >
      {remove.isError ? <ErrorState error={remove.error} title="It was not deleted" /> : undefined}
    </ConfirmDialog>
  );
}

export interface ConversationListProps {
  currentId: string | undefined;
  onPick?: () => void;
}

export function ConversationList({ currentId, onPick }: ConversationListProps) {
  const query = useInfiniteQuery(conversationsQuery);
  const [renaming, setRenaming] = useState<ConversationSummary>();
  const [deleting, setDeleting] = useState<ConversationSummary>();
  const all = query.data?.pages.flatMap((page) => page.conversations) ?? [];
  return (
    <>
      <Button asChild wide>
        <Link
          to="/chat/{-$conversationId}"
          params={{ conversationId: undefined }}
          onClick={() => {
            discardFreshChat();
            onPick?.();
          }}
        >
          <PlusIcon /> New chat
        </Link>
      </Button>
      <nav className={styles["list"]} aria-label="Conversations">
        {query.isPending && (
          <Loading label="Loading conversations">
            <Stack gap={2}>
              {["80%", "64%", "72%", "56%"].map((width) => (
                <Skeleton key={width} width={width} height={20} />
              ))}
            </Stack>
          </Loading>
        )}
        {query.isError && (
          <ErrorState
            error={query.error}
            title="Your conversations could not be loaded"
            retry={() => void query.refetch()}
          />
        )}
        {query.isSuccess && all.length === 0 && (
          <Text size="sm" tone="soft" className={styles["groupName"]}>
            Your conversations will be listed here.
          </Text>
        )}
        {groupConversations(all, now()).map((group) => (
          <div key={group.name} className={styles["group"]} role="group" aria-label={group.name}>
            <Text size="xs" tone="soft" strong className={styles["groupName"]}>
              {group.name}
            </Text>
            {group.conversations.map((conversation) => (
              <div
                key={conversation.id}
                className={styles["item"]}
                data-current={conversation.id === currentId || undefined}
              >
                <Link
                  to="/chat/{-$conversationId}"
                  params={{ conversationId: conversation.id }}
                  className={styles["itemLink"]}
                  title={conversation.title}
                  {...(onPick && { onClick: onPick })}
                >
                  {conversation.title}
                </Link>
                <Menu
                  label="Options"
                  trigger={
                    <IconButton
                      size="small"
                      className={styles["itemMenu"] ?? ""}
                      label={`Options for ${conversation.title}`}
                      icon={<DotsIcon />}
                    />
                  }
                  entries={[
                    {
                      kind: "action",
                      label: "Rename",
                      icon: <EditIcon />,
                      onSelect: () => setRenaming(conversation),
                    },
                    {
                      kind: "action",
                      label: "Delete",
                      icon: <TrashIcon />,
                      danger: true,
                      onSelect: () => setDeleting(conversation),
                    },
                  ]}
                />
              </div>
            ))}
          </div>
        ))}
        {query.hasNextPage && (
          <Button
            size="small"
            variant="ghost"
            busy={query.isFetchingNextPage}
            onClick={() => void query.fetchNextPage()}
          >
            Show older
          </Button>
        )}
      </nav>
      {renaming !== undefined && (
        <RenameDialog conversation={renaming} onClose={() => setRenaming(undefined)} />
      )}
      {deleting !== undefined && (
        <DeleteDialog
          conversation={deleting}
          current={deleting.id === currentId}
          onClose={() => setDeleting(undefined)}
        />
      )}
    </>
  );
}
