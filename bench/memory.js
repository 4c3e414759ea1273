// Prints the bytes of heap of one pending request and what is left of it once it has finished: node --expose-gc memory.js <name> <count>
import { once } from 'node:events'
import { contestants } from './contestants.js'
import { Discarding, emitRequest } from './emit-requests.js'
import { memoryHost } from './hosts.js'

const [name, count] = [process.argv[2], Number(process.argv[3])]
const { token, resolver, store } = await memoryHost()
let release
const pending = () => new Promise((resolve) => { release = resolve })
let released = pending()
const app = await contestants[name]({ resolver, store: { ...store, find: async () => await released.then(store.find) } })
await app.ready()

// The first requests create what is kept for all.
await emitAndRelease()
released = pending()
console.log(JSON.stringify(await emitAndRelease()))

async function emitAndRelease () {
  const before = heap()
  let responses = Array.from({ length: count }, () => emitRequest(app.server, new Discarding(), {
    method: 'GET', url: '/scim/v2/Users', authorization: `Bearer ${token}`
  }))
  const finished = Promise.all(responses.map((response) => once(response, 'finish')))
  await new Promise(setImmediate)
  const whilePending = heap()
  release()
  await finished
  responses = null
  await new Promise(setImmediate)
  return [(whilePending - before) / count, (heap() - before) / count]
}

function heap () {
  globalThis.gc()
  return process.memoryUsage().heapUsed
}
