import { access, mkdir, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import pg from 'pg'
import { lockFolder } from './folder-lock.ts'

/** Runs one SQL statement. */
export interface Queryable {
  query<Row extends pg.QueryResultRow> (text: string, values?: unknown[]): Promise<{ rows: Row[] }>
}

/** The database of the host. */
export interface Database extends Queryable {
  /** Runs statements in a transaction, which is rolled back if the promise rejects. */
  transaction<T> (work: (db: Queryable) => Promise<T>): Promise<T>
  close (): Promise<void>
}

/** Connects to the PostgreSQL server at the URL, or opens the embedded one if there is no URL. */
export async function openDatabase ({ url, dataDir }: { url?: string | undefined, dataDir: string }): Promise<Database> {
  return url === undefined ? await openEmbedded(dataDir) : await connect(url)
}

async function connect (connectionString: string): Promise<Database> {
  // In milliseconds. A write of the plugin is two statements, within its timeout of 10 seconds.
  const pool = new pg.Pool({ connectionString, connectionTimeoutMillis: 1500, query_timeout: 3000 })
  // The pool replaces an idle connection that the server has closed; without a listener the process would exit.
  pool.on('error', () => {})
  await pool.query('select 1').catch(async (error: NodeJS.ErrnoException) => {
    await pool.end()
    // The error for a name with several addresses has no message.
    throw new Error(`The database of DATABASE_URL cannot be used: ${error.message || error.code}.`, { cause: error })
  })
  return {
    query: (text, values) => pool.query(text, values),
    transaction: (work) => inTransaction(pool, work),
    close: () => pool.end()
  }
}

async function inTransaction<T> (pool: pg.Pool, work: (db: Queryable) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const result = await work(client)
    await client.query('commit')
    client.release()
    return result
  } catch (error) {
    // A connection on which the rollback fails must not be used again.
    await client.query('rollback').then(() => client.release(), () => client.release(true))
    throw error
  }
}

async function openEmbedded (dataDir: string): Promise<Database> {
  // PGlite creates files that any user may write, so the folder is closed to other users.
  const folder = join(dataDir, 'database')
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((error: Error) => {
    throw new Error(`DATA_DIR must be a folder that can be created or written: ${error.message}.`, { cause: error })
  })
  const unlock = await lockFolder(dataDir)
  try {
    const isNew = await access(join(folder, 'PG_VERSION')).then(() => false, () => true)
    await requireSpace(dataDir, isNew ? newDatabaseSpace : neededSpace)
    const database = await PGlite.create(folder).catch((error: Error) => {
      throw new Error(`The data in ${folder} cannot be opened: ${error.message}. Set DATA_DIR to another folder, or restore this one.`, { cause: error })
    })
    return {
      async query (text, values) {
        await requireSpace(dataDir)
        return await database.query(text, values)
      },
      async transaction (work) {
        await requireSpace(dataDir)
        return await database.transaction(work)
      },
      async close () {
        // Closing writes to disk. Without it, the next start replays the WAL.
        if (await hasSpace(dataDir)) await database.close()
        await unlock()
      }
    }
  } catch (error) {
    await unlock()
    throw error
  }
}

// Two WAL segments, in bytes.
const neededSpace = 2 * 16 * 1024 * 1024
const newDatabaseSpace = neededSpace + 64 * 1024 * 1024

/** PGlite runs in this process, and on a full disk it neither returns nor throws. */
async function requireSpace (folder: string, bytes = neededSpace): Promise<void> {
  if (!await hasSpace(folder, bytes)) throw new Error(`The disk of DATA_DIR (${folder}) has less than ${bytes / 1024 / 1024} MB left, so the database is not used: free some space.`)
}

async function hasSpace (folder: string, bytes = neededSpace): Promise<boolean> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize >= bytes
}
