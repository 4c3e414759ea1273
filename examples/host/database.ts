import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import pg from 'pg'
import { lockFolder } from './folder-lock.ts'

/** Runs one SQL statement. */
export interface Queryable {
  query<Row extends pg.QueryResultRow> (text: string, values?: unknown[]): Promise<{ rows: Row[] }>
}

/** The one database of the host, as far as it is used here. */
export interface Database extends Queryable {
  /** Runs some statements of which all take effect or none. */
  transaction<T> (work: (db: Queryable) => Promise<T>): Promise<T>
  close (): Promise<void>
}

/** Connects to a PostgreSQL server when there is a URL, else opens the embedded one in a folder. */
export async function openDatabase ({ url, dataDir }: { url?: string | undefined, dataDir: string }): Promise<Database> {
  return url === undefined ? await openEmbedded(dataDir) : await connect(url)
}

async function connect (connectionString: string): Promise<Database> {
  // In milliseconds. A write of the plugin is two statements, within its timeout of 10 seconds.
  const pool = new pg.Pool({ connectionString, connectionTimeoutMillis: 1500, query_timeout: 3000 })
  // The pool replaces an idle connection that the server has closed; without a listener the process would end.
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
    // A connection that cannot even do this must not be used again.
    await client.query('rollback').then(() => client.release(), () => client.release(true))
    throw error
  }
}

async function openEmbedded (dataDir: string): Promise<Database> {
  // PGlite lets everybody write its files, so nobody else may enter their folder.
  const folder = join(dataDir, 'database')
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((error: Error) => {
    throw new Error(`The folder of DATA_DIR cannot be used: ${error.message}.`, { cause: error })
  })
  const unlock = await lockFolder(dataDir)
  try {
    const database = await PGlite.create(folder)
    return {
      query: (text, values) => database.query(text, values),
      transaction: (work) => database.transaction(work),
      close: () => database.close().finally(unlock)
    }
  } catch (error) {
    await unlock()
    throw error
  }
}
