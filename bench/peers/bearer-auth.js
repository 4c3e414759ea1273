import bearerAuth from '@fastify/bearer-auth'
import Fastify from 'fastify'
import { generateToken } from '../../dist/token.js'
import { noUsers, scimPath, serverOf } from '../contestants/work.js'

/** @fastify/bearer-auth with one key, which it keeps in plain text. */
export async function start () {
  const token = generateToken()
  const app = Fastify()
  await app.register(bearerAuth, { keys: new Set([token]) })
  app.get(scimPath, async () => noUsers)
  return { server: await serverOf(app), token }
}
