import Fastify from 'fastify'
import scimToken from 'fastify-scim-token'
import { postgresMigration, postgresStore } from 'fastify-scim-token/stores/postgres'
import pg from 'pg'
import { generateToken, hashToken } from '../../dist/token.js'
import { addGenerate, addVerify } from './by-hand.js'
import { noUsers, resolver, scimPath, serverOf, withPromises } from './work.js'

/** The plugin with its PostgreSQL store, or the statements of that store in handlers written by hand. */
export async function start ({ url, byHand, preparedStatements }) {
  const pool = new pg.Pool({ connectionString: url })
  const tables = { settings: `settings_${process.pid}`, audit: `audit_${process.pid}` }
  const storeOn = (db) => postgresStore({ db, tables, preparedStatements, createdBy: (user) => user.name })
  const record = newRecord()
  const context = { request: {}, user: { name: 'admin' }, signal: new AbortController().signal }
  await pool.query(postgresMigration(tables))
  await storeOn(pool).setEnabled(true, context)

  const replace = await recordStatements(pool, (db) => storeOn(db).replace(record, context))
  const find = await recordStatements(pool, (db) => storeOn(db).find(context))

  const app = Fastify()
  if (byHand) {
    const runReplace = replayOn(pool, replace, record)
    const runFind = replayOn(pool, find, record)
    addGenerate(app, withPromises(resolver), async (record) => (await runReplace(record)).length > 0)
    addVerify(app, async () => (await runFind(record))[0] ?? null)
  } else {
    app.decorate('scimAuthResolver', withPromises(resolver))
    app.decorate('scimTokenStore', storeOn(pool))
    await app.register(scimToken)
    app.get(scimPath, { onRequest: app.verifyScimToken }, async () => noUsers)
  }
  return { server: await serverOf(app), token: record.token }
}

function newRecord () {
  const token = generateToken()
  return { token, hash: hashToken(token), createdAt: new Date() }
}

/** Records the statements that a call sends, with their values and the first row of each result. */
async function recordStatements (pool, call) {
  const statements = []
  await call({
    async query (...args) {
      const result = await pool.query(...args)
      const [query, values = query.values] = args
      statements.push({ query, values, row: result.rows[0] })
      return result
    }
  })
  return statements
}

/** Creates a function that sends recorded statements for another record, and returns the rows of the last. */
function replayOn (pool, statements, recorded) {
  const replayed = statements.map(({ query, values }, i) => ({
    send: typeof query === 'string'
      ? (values) => pool.query(query, values)
      : (values) => pool.query({ ...query, values }),
    sources: values.map((value) => sourceOf(value, recorded, statements.slice(0, i)))
  }))

  return async function (record) {
    const results = []
    for (const { send, sources } of replayed) {
      const { rows } = await send(sources.map((source) => source(record, results)))
      results.push(rows[0])
      if (results.length === replayed.length) return rows
    }
  }
}

/** Where a recorded value comes from: the record, a statement before (such as `nextval`), or always the same. */
function sourceOf (value, recorded, before) {
  if (value === recorded.hash) return ({ hash }) => hash
  if (value === recorded.createdAt) return ({ createdAt }) => createdAt
  for (const [i, { row = {} }] of before.entries()) {
    const column = Object.keys(row).find((name) => String(row[name]) === String(value))
    if (column !== undefined) return (_record, results) => results[i][column]
  }
  return () => value
}
