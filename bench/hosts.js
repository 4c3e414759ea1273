// Resolvers and stores of the contestants. All their methods return promises, as real ones do.
import { memoryStore } from 'fastify-scim-token/stores/memory'
import { postgresMigration, postgresStore } from 'fastify-scim-token/stores/postgres'
import pg from 'pg'
import { generateToken, hashToken } from '../dist/token.js'

const user = { name: 'admin', permissions: ['ADMIN'] }
const resolver = {
  authenticate: async ({ headers }) => headers.authorization === 'admin' ? user : null,
  authorize: async ({ permissions }, wanted) => wanted.some((permission) => permissions.includes(permission))
}

export async function memoryHost () {
  const { replace, find } = memoryStore()
  return await withToken({ replace: async (record) => replace(record), find: async () => find() })
}

/**
 * @param byHand whether the statements of the store are sent without it
 * @param max the connections of the pool
 */
export async function postgresHost (url, byHand, max = 10) {
  const pool = new pg.Pool({ connectionString: url, max })
  const tables = { settings: `settings_${process.pid}`, audit: `audit_${process.pid}` }
  const texts = []
  const db = {
    query (text, values) {
      texts.push(text)
      return pool.query(text, values)
    }
  }
  const store = (db) => postgresStore({ db, tables, createdBy: ({ name }) => name })
  await pool.query(postgresMigration(tables))
  await store(pool).setEnabled(true, context())
  await withToken(store(db))
  await store(db).find(context())

  const host = await withToken(byHand ? statements(pool, texts) : store(pool))
  let count = 0
  pool.on('acquire', () => { count++ })
  return { ...host, statements: () => count }
}

/** The same statements as the store's, and the same repetition of a write that was overtaken. */
function statements (pool, [draw, write, find]) {
  return {
    async replace ({ hash, createdAt }, { user }) {
      for (;;) {
        const { rows: [{ fence }] } = await pool.query(draw, ['default'])
        const { rows } = await pool.query(write, ['default', fence, user.name, hash, createdAt.getTime()])
        if (rows.length > 0) return true
      }
    },
    async find () {
      const { rows: [row] } = await pool.query(find, ['default'])
      return row === undefined ? null : { hash: row.hash, createdAt: new Date(Number(row.created)) }
    }
  }
}

async function withToken (store) {
  const token = generateToken()
  await store.replace({ hash: hashToken(token), createdAt: new Date() }, context())
  return { resolver, store, token }
}

function context () {
  return { request: {}, user, signal: new AbortController().signal }
}
