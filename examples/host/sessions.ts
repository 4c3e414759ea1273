import { createHash, randomBytes } from 'node:crypto'
import type { Database } from './database.ts'

/** How long a session is valid. */
export const sessionSeconds = 8 * 3600

/** The sessions of users. They are in the database, so that every process of the host accepts them. */
export interface Sessions {
  /** Creates a session and returns its id. */
  create (userName: string): Promise<string>
  /** Returns the name of the user, or null if there is no such session or it has expired. */
  findUserName (id: string): Promise<string | null>
}

export const sessionsTable = `
  create table if not exists host_sessions (
    id_hash text primary key,
    user_name text not null,
    expires_at timestamptz not null
  )`

export function databaseSessions (db: Database): Sessions {
  return {
    async create (userName) {
      const id = randomBytes(32).toString('base64url')
      await db.query('delete from host_sessions where expires_at < now()')
      await db.query(
        'insert into host_sessions values ($1, $2, now() + make_interval(secs => $3))',
        [hash(id), userName, sessionSeconds]
      )
      return id
    },

    async findUserName (id) {
      const { rows } = await db.query<{ user_name: string }>(
        'select user_name from host_sessions where id_hash = $1 and expires_at > now()',
        [hash(id)]
      )
      return rows[0]?.user_name ?? null
    }
  }
}

/** Only the hash is stored: a copy of the table must not be enough to log in. */
function hash (id: string): string {
  return createHash('sha256').update(id).digest('hex')
}
