import Fastify from 'fastify'
import pg from 'pg'
import { listen, noUsers, scimPath } from './work.js'

/** A handler with one trivial query, with a parameter or without. */
export async function start ({ url, parameter = false }) {
  const db = new pg.Pool({ connectionString: url })
  const app = Fastify()
  app.addHook('onClose', () => db.end())
  app.get(scimPath, async () => {
    await (parameter ? db.query('select $1::int', [1]) : db.query('select 1'))
    return noUsers
  })
  return { port: await listen(app), token: '' }
}
