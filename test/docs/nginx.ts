import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { freePort } from '../helpers/free-port.ts'
import { run } from './project.ts'

/** A real nginx with the documented configuration. */
export interface Nginx { port: number, certificate: string }

/** Starts nginx until the end of a test: with a port and a certificate of its own, in front of the processes of the app. */
export async function startNginx (t: Test, configuration: string, appPorts: number[]): Promise<Nginx> {
  const folder = await mkdtemp(join(tmpdir(), 'scim-token-nginx-'))
  t.teardown(() => rm(folder, { recursive: true }))
  // Started by root, its workers are another user.
  await chmod(folder, 0o755)
  const certificate = join(folder, 'example.com.pem')
  await run(folder, 'openssl', [
    'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=example.com',
    '-addext', 'subjectAltName=DNS:*.example.com', '-keyout', 'example.com.key', '-out', certificate
  ])

  const port = await freePort()
  const servers = configuration
    .replaceAll('listen 443 ', `listen 127.0.0.1:${port} `)
    .replaceAll('/etc/nginx/certs', folder)
    .replace('server 127.0.0.1:3000;', appPorts.map((appPort) => `server 127.0.0.1:${appPort};`).join(' '))
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`)
  await writeFile(join(folder, 'nginx.conf'), `
    daemon off;
    pid ${folder}/nginx.pid;
    events {}
    http { access_log off; ${temporary.join(' ')} ${servers} }`)

  const nginx = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'], { stdio: ['ignore', 'ignore', 'inherit'] })
  await once(nginx, 'spawn')
  t.teardown(async () => {
    if (nginx.exitCode === null && nginx.kill()) await once(nginx, 'exit')
  })
  while (!await accepts(port)) {
    if (nginx.exitCode !== null) throw new Error(`nginx exited with ${nginx.exitCode}`)
  }
  return { port, certificate }
}

/** Whether a server on this machine accepts connections. */
export async function accepts (port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
