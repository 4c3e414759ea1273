import Fastify from 'fastify'
import pg from 'pg'
import { listen, noUsers, scimPath } from './work.js'

/** A handler with one trivial query. */
export async function start ({ url }) {
  const db = new pg.Pool({ connectionString: url })
  const app = Fastify()
  app.addHook('onClose', () => db.end())
  app.get(scimPath, async () => {
    await db.query('select 1')
    return noUsers
  })
  return { port: await listen(app), token: '' }
}
