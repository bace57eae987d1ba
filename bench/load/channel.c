#define _GNU_SOURCE
#include "channel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in loopback(uint16_t port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static void set_no_delay(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int channel_listen(uint16_t port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_in address = loopback(port);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 4096) < 0) {
    fprintf(stderr, "cannot listen on 127.0.0.1:%u: ", port);
    perror(NULL);
    exit(1);
  }
  return fd;
}

channel channel_connect(uint16_t port) {
  channel c = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (c.fd < 0) return c;
  set_no_delay(c.fd);
  struct sockaddr_in address = loopback(port);
  if (connect(c.fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS) {
    int error = errno;
    close(c.fd);
    errno = error;
    c.fd = -1;
  }
  return c;
}

channel channel_accept(int listener) {
  channel c = {.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)};
  if (c.fd >= 0) set_no_delay(c.fd);
  return c;
}

bool channel_connected(const channel *c) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  errno = error;
  if (error != 0) return false;
  struct sockaddr_in peer;
  size = sizeof peer;
  return getpeername(c->fd, (struct sockaddr *)&peer, &size) == 0;
}

void channel_secure(channel *c, SSL_CTX *context, bool as_server) {
  c->tls = SSL_new(context);
  if (c->tls == NULL || SSL_set_fd(c->tls, c->fd) != 1) tls_fatal("SSL_new");
  if (as_server) SSL_set_accept_state(c->tls);
  else SSL_set_connect_state(c->tls);
}

static int tls_result(SSL *tls, int result) {
  switch (SSL_get_error(tls, result)) {
  case SSL_ERROR_WANT_READ:
  case SSL_ERROR_WANT_WRITE: return CHANNEL_AGAIN;
  case SSL_ERROR_ZERO_RETURN: return CHANNEL_END;
  default: return CHANNEL_FAILED;
  }
}

static ssize_t plain_result(ssize_t result) {
  if (result >= 0) return result;
  return errno == EAGAIN || errno == EINTR ? CHANNEL_AGAIN : CHANNEL_FAILED;
}

int channel_handshake(channel *c) {
  ERR_clear_error();
  int result = SSL_do_handshake(c->tls);
  return result == 1 ? 1 : tls_result(c->tls, result);
}

ssize_t channel_read(channel *c, void *into, size_t size) {
  if (c->tls == NULL) return plain_result(recv(c->fd, into, size, 0));
  ERR_clear_error();
  int result = SSL_read(c->tls, into, (int)size);
  return result > 0 ? result : tls_result(c->tls, result);
}

ssize_t channel_write(channel *c, const void *from, size_t size) {
  if (c->tls == NULL) return plain_result(send(c->fd, from, size, MSG_NOSIGNAL));
  ERR_clear_error();
  int result = SSL_write(c->tls, from, (int)size);
  return result > 0 ? result : tls_result(c->tls, result);
}

void channel_close(channel *c, bool notify) {
  if (c->tls != NULL) {
    if (notify) SSL_shutdown(c->tls);
    // what was not notified must still leave the session usable for the next connection
    else SSL_set_shutdown(c->tls, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(c->tls);
  }
  if (c->fd >= 0) close(c->fd);
  *c = (channel){.fd = -1};
}

void tls_fatal(const char *what) {
  fprintf(stderr, "%s: ", what);
  ERR_print_errors_fp(stderr);
  exit(1);
}
