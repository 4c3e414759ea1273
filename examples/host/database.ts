import { mkdir } from 'node:fs/promises'
import { PGlite } from '@electric-sql/pglite'
import pg from 'pg'
import lockfile from 'proper-lockfile'

/** The one database of the host, as far as it is used here. */
export interface Database {
  query<Row extends pg.QueryResultRow> (text: string, values?: unknown[]): Promise<{ rows: Row[] }>
  close (): Promise<void>
}

/** Connects to a PostgreSQL server when there is a URL, else opens the embedded one in a folder. */
export async function openDatabase ({ url, dataDir }: { url?: string | undefined, dataDir: string }): Promise<Database> {
  return url === undefined ? openEmbedded(dataDir) : connect(url)
}

function connect (connectionString: string): Database {
  const pool = new pg.Pool({ connectionString })
  // An idle connection that the server closes is replaced by the pool; without a listener it ends the process.
  pool.on('error', () => {})
  return {
    query: (text, values) => pool.query(text, values),
    close: () => pool.end()
  }
}

async function openEmbedded (dataDir: string): Promise<Database> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  // Two processes in one folder would destroy its data; a lock that was left behind goes stale in five seconds.
  const release = await lockfile.lock(dataDir, { stale: 5000, retries: { retries: 7, minTimeout: 1000, maxTimeout: 1000 } })
    .catch((cause: unknown) => { throw new Error(`Another process uses the data in ${dataDir}; stop it or set DATA_DIR.`, { cause }) })
  const database = await PGlite.create(dataDir)
  return {
    query: (text, values) => database.query(text, values),
    async close () {
      await database.close()
      await release()
    }
  }
}
