import { createHash, randomBytes } from 'node:crypto'
import type { Database } from '../scim/postgres-pool.ts'

/** How long a session is valid. */
export const sessionSeconds = 8 * 3600

/** The sessions of users. They are in the database, so that every process of the host accepts them. */
export interface Sessions {
  /** Creates a session of a user who has logged in with this password, and returns its id. */
  create (userName: string, password: string): Promise<string>
  /** Returns the name of the user; null if there is no such session, it has expired, or the user has another password now. */
  findUserName (id: string, passwordOf: (userName: string) => string | undefined): Promise<string | null>
  /** Ends a session. */
  delete (id: string): Promise<void>
}

export const sessionsTable = `
  create table if not exists host_sessions (
    id_hash text primary key,
    user_name text not null,
    expires_at timestamptz not null
  );
  alter table host_sessions add column if not exists proof text not null default ''`

export function databaseSessions (db: Database): Sessions {
  return {
    async create (userName, password) {
      const id = randomBytes(32).toString('base64url')
      await db.query('delete from host_sessions where expires_at < now()')
      await db.query(
        'insert into host_sessions (id_hash, user_name, expires_at, proof) values ($1, $2, now() + make_interval(secs => $3), $4)',
        [hash(id), userName, sessionSeconds, proofOf(id, password)]
      )
      return id
    },

    async findUserName (id, passwordOf) {
      const { rows: [row] } = await db.query<{ user_name: string, proof: string }>(
        'select user_name, proof from host_sessions where id_hash = $1 and expires_at > now()',
        [hash(id)]
      )
      const password = row && passwordOf(row.user_name)
      return password !== undefined && row?.proof === proofOf(id, password) ? row.user_name : null
    },

    async delete (id) {
      await db.query('delete from host_sessions where id_hash = $1', [hash(id)])
    }
  }
}

/** Returns a hash that changes with the password. It includes the id, which is not stored, so that the table does not allow guessing the password. */
function proofOf (id: string, password: string): string {
  return hash(`${id} ${password}`)
}

/** Only the hash is stored: a copy of the table must not be enough to log in. */
function hash (id: string): string {
  return createHash('sha256').update(id).digest('hex')
}
