/** A person's profile as a card. */
import type { Profile } from "../../api/types.ts";
import { money, number, words } from "../../lib/format.ts";
import { Badge } from "../../ui/badge.tsx";
import { Card, Facts } from "../../ui/card.tsx";
import { Row, Stack } from "../../ui/layout.tsx";
import { Heading } from "../../ui/text.tsx";

export function ProfileCard({ profile }: { profile: Profile }) {
  return (
    <Card data-testid="profile-card" aria-label={`Profile of ${profile.name}`}>
      <Stack gap={3}>
        <Row justify="between" wrap>
          <Heading level={2} dir="auto">
            {profile.name}
          </Heading>
          <Badge tone="accent">{words(profile.loyalty_tier)}</Badge>
        </Row>
        <Facts
          items={[
            ["E-mail", profile.email],
            ["Role", words(profile.role)],
            ["Spent so far", money(profile.total_spend)],
            ["Orders", profile.orders === undefined ? undefined : number(profile.orders)],
          ]}
        />
      </Stack>
    </Card>
  );
}
