import Fastify from 'fastify'
import { listen, noUsers, scimPath } from './work.js'

/** The SCIM route with no check at all. */
export async function start () {
  const app = Fastify()
  app.get(scimPath, async () => noUsers)
  return { port: await listen(app), token: '' }
}
