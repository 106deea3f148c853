// The test runner looks below apps, libs and test; the migrations stand in a folder of their own.
import '../../migrations/migrations.spec.ts';
