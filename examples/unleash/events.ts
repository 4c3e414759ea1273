import type { Queryable } from '../scim/postgres-pool.ts'

/** Who an event of Unleash's event log names. */
export interface EventAuthor {
  /** The id of the user in Unleash. */
  id: number
  /** The e-mail address or the user name, as Unleash writes it to its events. */
  name: string
}

/** The types that Unleash has for what SCIM does. */
export type EventType = 'user-created' | 'user-updated' | 'user-deleted' | 'group-created' | 'group-updated' | 'group-deleted'

// The id of the user "Unleash System". Without an id, a job of Unleash would look for a user named "scim".
const scimAuthor: EventAuthor = { id: -1337, name: 'scim' }

/** Adds an event by `scim` to Unleash's event log, from which integrations of Unleash get it, too. */
export async function logEvent (db: Queryable, type: EventType, { before, after }: { before?: object, after?: object }): Promise<void> {
  await db.query(
    'insert into events (type, created_by, created_by_user_id, pre_data, data) values ($1, $2, $3, $4, $5)',
    [type, scimAuthor.name, scimAuthor.id, toJson(before), toJson(after)]
  )
}

function toJson (data: object | undefined): string | null {
  return data === undefined ? null : JSON.stringify(data)
}
