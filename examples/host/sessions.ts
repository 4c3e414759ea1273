import { createHash, randomBytes } from 'node:crypto'
import type { Database } from './database.ts'

/** How long a login lasts. */
export const sessionSeconds = 8 * 3600

/** The logins of users, in the database: every process of the host knows them. */
export interface Sessions {
  /** Answers the id of a new session. */
  start (userName: string): Promise<string>
  /** Answers the name of the user whose session it is, while it lasts. */
  userName (id: string): Promise<string | null>
}

export const sessionsTable = `
  create table if not exists host_sessions (
    id_hash text primary key,
    user_name text not null,
    expires_at timestamptz not null
  )`

export function databaseSessions (db: Database): Sessions {
  return {
    async start (userName) {
      const id = randomBytes(32).toString('base64url')
      await db.query('delete from host_sessions where expires_at < now()')
      await db.query(
        'insert into host_sessions values ($1, $2, now() + make_interval(secs => $3))',
        [hash(id), userName, sessionSeconds]
      )
      return id
    },

    async userName (id) {
      const { rows } = await db.query<{ user_name: string }>(
        'select user_name from host_sessions where id_hash = $1 and expires_at > now()',
        [hash(id)]
      )
      return rows[0]?.user_name ?? null
    }
  }
}

/** Who reads the table, or a copy of it, must not be able to log in with it. */
function hash (id: string): string {
  return createHash('sha256').update(id).digest('hex')
}
