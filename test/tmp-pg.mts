import { startPostgres } from './helpers/postgres.ts'
const p = await startPostgres(); console.log(p.url); process.stdin.resume(); process.on('SIGTERM', async () => { await p.stop(); process.exit() })
