import pg from 'pg'

/** Runs one SQL statement. */
export interface Queryable {
  query<Row extends pg.QueryResultRow> (text: string, values?: unknown[]): Promise<{ rows: Row[] }>
}

/** The database of a host. */
export interface Database extends Queryable {
  /** Runs statements in a transaction, which is rolled back if the promise rejects. */
  transaction<T> (work: (db: Queryable) => Promise<T>): Promise<T>
  close (): Promise<void>
}

/** Connects to a PostgreSQL server. */
export function connectPool (options: pg.PoolConfig): Database {
  // In milliseconds. A write of the plugin is two statements, within its timeout of 10 seconds.
  const pool = new pg.Pool({ connectionTimeoutMillis: 1500, query_timeout: 3000, ...options })
  // The pool replaces an idle connection that the server has closed; without a listener the process would exit.
  pool.on('error', () => {})
  // The same for one that is lost in a transaction: its statements reject, and the pool does not keep it.
  pool.on('connect', (client) => { client.on('error', () => {}) })
  return {
    query: (text, values) => pool.query(text, values),
    async transaction (work) {
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
    },
    close: () => pool.end()
  }
}
