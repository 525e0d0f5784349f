/** A way to the server that can be cut: connections end and further ones are refused until it is there again. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { BASE } from './server';

export class Cable {
  private server: Server | null = null;
  private readonly open = new Set<Socket>();
  private port = 0;

  /** The address of the page through it. */
  get base(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  /** Puts it in; on the port that it had. */
  async plug(): Promise<this> {
    const { hostname, port } = new URL(BASE);
    const server = createServer((near) => {
      const far = connect({ host: hostname, port: Number(port) });
      for (const socket of [near, far]) {
        this.open.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => {
          this.open.delete(socket);
          near.destroy();
          far.destroy();
        });
      }
      near.pipe(far);
      far.pipe(near);
    });
    await new Promise<void>((done, failed) => {
      server.on('error', failed);
      server.listen(this.port, '127.0.0.1', done);
    });
    const address = server.address();
    if (address && typeof address === 'object') this.port = address.port;
    this.server = server;
    return this;
  }

  /** Pulls it out. */
  async cut(): Promise<void> {
    const { server } = this;
    this.server = null;
    await new Promise<void>((done) => {
      server?.close(() => done());
      for (const socket of this.open) socket.destroy();
    });
  }
}
